"""Write README's tables of results from the scoreboards of `make run`, so that they say what was measured.

python tools/readme_results.py embedded build/results.json    # the run without any data at hand
python tools/readme_results.py real build/results.json        # the run with TRANSFER_DATA and INCEPTION_V3_WEIGHTS
"""

import argparse
import json
import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def line(entry: dict) -> str:
    """Lay out one result as a row of a Markdown table."""
    score = f"{100 * entry[entry['metric']]:.1f} %"
    if entry["metric"] != "test_accuracy":
        score += f" ({entry['metric']})"
    baseline = "" if entry["baseline"] is None else f"{entry['baseline']}: {100 * entry['baseline_score']:.1f} %"
    labels = "" if entry["target_labels"] is None else f"{entry['target_labels']:,}"
    return f"| {entry['method']} | {entry['data']} | {entry['n_test']:,} | {labels} | {score} | {baseline} |"


def table(results: dict[str, dict]) -> str:
    """Lay out all results in the order of the notebooks, which are named in the methods."""
    head = "| method | data | test examples | target labels | score | baseline |\n| --- | --- | --- | --- | --- | --- |"

    def notebook(entry):
        number = re.search(r"notebook (\d\d)", entry["method"])
        return number.group(1) if number else "99"

    return "\n".join([head, *(line(entry) for entry in sorted(results.values(), key=notebook))])


def main() -> None:
    """Replace what is between the two marks in README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", choices=["embedded", "real"])
    parser.add_argument("results", type=Path)
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    begin, end = f"<!-- results: {options.which} -->", "<!-- end -->"
    before, found, rest = README.read_text(encoding="utf-8").partition(begin)
    if not found:
        raise SystemExit(f"{README.name} has no line {begin}: put it, and {end} after it, where the table belongs.")
    after = rest.partition(end)[2]
    README.write_text(f"{before}{begin}\n{table(results)}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
