"""Write the tables of README and docs/ from the files that runs leave, so that they say what was measured.

python tools/readme_results.py embedded build/results.json    # `make run` without any data at hand
python tools/readme_results.py real                           # docs/results/real.json, from `make real-results`
python tools/readme_results.py bench build/bench.json         # `make bench`
python tools/readme_results.py faults build/faults/table.md   # `make faults`
"""

import argparse
import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = {  # table -> the page that has its marks
    "embedded": ROOT / "docs" / "results.md",
    "real": ROOT / "docs" / "results.md",
    "bench": ROOT / "docs" / "benchmarks.md",
    "faults": ROOT / "docs" / "faults.md",
    "short": ROOT / "README.md",
}
SHORT = ["frozen_inceptionv3", "own_pictures", "parameter_supervised", "instance_tradaboost", "adversarial_dann",
         "relational_uwcse_imdb"]  # fmt: skip


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
        if "interval" in entry:
            score += " ({} to {}".format(*(f"{100 * end:.1f}" for end in entry["interval"]))
            score += f" over {entry['interval_over']})" if "interval_over" in entry else ")"
        baseline = "" if entry["baseline"] is None else f"{entry['baseline']}: {percent(entry['baseline_score'])}"
        labels = "" if entry["target_labels"] is None else f"{entry['target_labels']:,}"
        rows.append([entry["method"], entry["data"], f"{entry['n_test']:,}", labels, score, baseline])
    return markdown(["method", "data", "test examples", "target labels", "score", "baseline"], rows)


def speed(bench: dict) -> str:
    """Lay out the rows of the benchmarks under the name of their machine."""

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
    return f"Measured on: {bench['machine']}.\n\n" + markdown(["what", "ours", "other", "ratio", "target", "met"], rows)


def put(which: str, table: str) -> None:
    """Replace what is between the two marks of a table."""
    page, begin, end = PAGES[which], f"<!-- results: {which} -->", "<!-- end -->"
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise SystemExit(f"{page.name} has no line {begin}: put it, and {end} after it, where the table belongs.")
    _, closed, after = rest.partition(end)
    if not closed:
        raise SystemExit(f"{page.name} has no line {end} after {begin}: put it where the table ends.")
    page.write_text(f"{before}{begin}\n{table}\n{end}{after}", encoding="utf-8")


def main() -> None:
    """Write the table that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["embedded", "real", "bench", "faults"])
    parser.add_argument("results", type=Path, nargs="?", default=ROOT / "docs" / "results" / "real.json")
    options = parser.parse_args()
    text = options.results.read_text(encoding="utf-8")
    if options.which == "faults":
        return put("faults", text.strip())
    results = json.loads(text)
    put(options.which, (speed if options.which == "bench" else scores)(results))
    if options.which == "real":
        put("short", scores({key: results[key] for key in SHORT if key in results}))


if __name__ == "__main__":
    main()
