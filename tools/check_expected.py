"""Hold the results of a run to tests/expected.toml; print what falls below its bound, and return 1 if anything does.

python tools/check_expected.py embedded build/test/results.json           # all notebooks
python tools/check_expected.py real build/real/results.json 06 08 09      # those that were run
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPECTED = ROOT / "tests" / "expected.toml"


def read_expected(path: Path = EXPECTED) -> dict[str, dict]:
    """Read the bounds: key of the scoreboard -> its notebook and its bounds."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def faults(
    results: Mapping[str, dict], expected: Mapping[str, dict], tier: str, notebooks: Iterable[str] | None = None
) -> list[str]:
    """Compare results with their bounds.

    Parameters
    ----------
    results : mapping of str to dict
        A scoreboard, as `scoreboard.read()` gives it.
    expected : mapping of str to dict
        From `read_expected`.
    tier : str
        "embedded" or "real". A key without bounds of its own for real data is measured on embedded data in any run; one
        with bounds for real data alone need not be there in an embedded run.
    notebooks : iterable of str, optional
        Numbers of the notebooks that were run, such as "09"; all by default. Only their keys must be there.

    Returns
    -------
    list of str
        One line for each key that is missing, has no bound, or lies below it.
    """
    asked = None if notebooks is None else set(notebooks)
    found = [f"{key}: no bound in {EXPECTED.name}" for key in results.keys() - expected.keys()]
    for key, bounds in expected.items():
        if asked is not None and bounds["notebook"] not in asked:
            continue
        if key not in results and tier == "embedded" and "embedded" not in bounds:
            continue
        if key not in results:
            found.append(f"{key}: notebook {bounds['notebook']} left no result")
            continue
        entry = results[key]
        score, baseline = entry[entry["metric"]], entry["baseline_score"]
        own = tier == "real" and "real" in bounds
        least, lead = (bounds.get(name) for name in (("real", "real_lead") if own else ("embedded", "lead")))
        if least is not None and score < least:
            found.append(f"{key}: {score:.3f}, wanted is {least:.3f} or more")
        if lead is not None and (baseline is None or score - baseline < lead):
            found.append(f"{key}: {score:.3f} against {baseline}, wanted is a lead of {lead:.3f} or more")
    return found


def main() -> int:
    """Check one file of results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tier", choices=["embedded", "real"])
    parser.add_argument("results", type=Path)
    parser.add_argument("notebooks", nargs="*", help="numbers of the notebooks that were run; all without any")
    options = parser.parse_args()
    results = json.loads(options.results.read_text(encoding="utf-8"))
    found = faults(results, read_expected(), options.tier, options.notebooks or None)
    print(*found, f"{options.results}: {len(results)} results, {len(found)} not as expected", sep="\n")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
