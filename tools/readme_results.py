"""Write README's tables from the files that `make run` and `make bench` leave, so that they say what was measured.

python tools/readme_results.py embedded build/results.json    # the run without any data at hand
python tools/readme_results.py real build/results.json        # the run with TRANSFER_DATA and INCEPTION_V3_WEIGHTS
python tools/readme_results.py bench build/bench.json
"""

import argparse
import json
import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """Lay out a table in Markdown."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, ["---"] * len(head), *rows])


def percent(score: float | None) -> str:
    """Write a score, 0 to 1, in percent."""
    return "" if score is None else f"{100 * score:.1f} %"


def scores(results: dict[str, dict]) -> str:
    """Lay out a scoreboard in the order of the notebooks, which are named in the methods."""

    def notebook(entry):
        number = re.search(r"notebook (\d\d)", entry["method"])
        return number.group(1) if number else "99"

    rows = []
    for entry in sorted(results.values(), key=notebook):
        score = percent(entry[entry["metric"]])
        if entry["metric"] != "test_accuracy":
            score += f" ({entry['metric']})"
        baseline = "" if entry["baseline"] is None else f"{entry['baseline']}: {percent(entry['baseline_score'])}"
        labels = "" if entry["target_labels"] is None else f"{entry['target_labels']:,}"
        rows.append([entry["method"], entry["data"], f"{entry['n_test']:,}", labels, score, baseline])
    return markdown(["method", "data", "test examples", "target labels", "score", "baseline"], rows)


def speed(bench: dict) -> str:
    """Lay out the rows of the benchmarks."""

    def figure(value, unit=""):
        return "" if value is None else f"{value:,.{'0f' if value >= 1000 else '3g'}} {unit}".strip()

    rows = []
    for entry in bench["rows"]:
        what = entry["what"]
        if "accuracy" in entry:
            what += f"; test accuracy {percent(entry['accuracy'])} against {percent(entry['other_accuracy'])}"
        ours, other = (figure(entry[side], entry["unit"]) for side in ("ours", "other"))
        met = "" if entry["target"].startswith("none") else "yes" if entry["met"] else "no"
        rows.append([what, ours, other, figure(entry.get("ratio")), entry["target"], met])
    return markdown(["what", "ours", "other", "ratio", "target", "met"], rows)


def main() -> None:
    """Replace what is between the two marks in README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["embedded", "real", "bench"])
    parser.add_argument("results", type=Path)
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    table = speed if options.which == "bench" else scores
    begin, end = f"<!-- results: {options.which} -->", "<!-- end -->"
    before, found, rest = README.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise SystemExit(f"{README.name} has no line {begin}: put it, and {end} after it, where the table belongs.")
    _, closed, after = rest.partition(end)
    if not closed:
        raise SystemExit(f"{README.name} has no line {end} after {begin}: put it where the table ends.")
    README.write_text(f"{before}{begin}\n{table(results)}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
