"""Keep the results of a run on real data in docs/results/real.json, which notebooks and README quote.

make real-results                                     # runs the series on TRANSFER_DATA, then calls this
python tools/real_results.py build/real/results.json  # takes the results of such a run
"""

import argparse
import datetime
import json
from pathlib import Path

from helpers import runtime, scoreboard


def on_real_data(results: dict[str, dict]) -> dict[str, dict]:
    """Leave out what was measured on data of our own making, which a run on real data has as well."""
    own = ("drawn animals", "drawn posters", "embedded reviews", "generated facts", "drawn")
    return {key: entry for key, entry in results.items() if not any(word in entry["data"] for word in own)}


def main() -> None:
    """Write the file anew; rows that the run did not measure stay with their own date."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path)
    found = on_real_data(json.loads(parser.parse_args().results.read_text(encoding="utf-8")))
    if not found:
        raise SystemExit("no result of this run was measured on real data: set TRANSFER_DATA (see data/README.md)")
    when = {"date": datetime.date.today().isoformat(), "machine": runtime.machine()}
    kept = scoreboard.read_real() | {key: entry | when for key, entry in found.items()}
    scoreboard.REAL.parent.mkdir(parents=True, exist_ok=True)
    with runtime.atomic_path(scoreboard.REAL) as temporary:
        temporary.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{scoreboard.REAL.name}: {len(found)} of {len(kept)} rows measured on {when['date']}, {when['machine']}")


if __name__ == "__main__":
    main()
