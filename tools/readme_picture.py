"""Draw README's picture: the drawn animals, and each method beside its baseline from the latest `make run`.

python tools/readme_picture.py [results.json]    # writes docs/overview.png
"""

import json
import sys
from pathlib import Path

import matplotlib.pyplot as plt

from helpers import runtime
from helpers.data import drawn

ROOT = Path(__file__).resolve().parents[1]
SPECIES = ["cat", "dog", "fox", "owl", "panda", "rabbit"]


def draw_animals(axes) -> None:
    """Fill a grid of axes: one row a style, one column an animal, the same animal in each style."""
    for row, style in zip(axes, drawn.STYLES, strict=True):
        for seed, (ax, species) in enumerate(zip(row, SPECIES, strict=True)):
            ax.imshow(drawn.draw(species, style, size=160, seed=seed))
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(style)


def draw_results(ax, results: dict[str, dict]) -> None:
    """Draw a bar for each method that has a baseline, with the baseline as a mark on it."""
    compared = [entry for entry in results.values() if entry["baseline_score"] is not None]
    names = [entry["method"].replace(" (notebook ", "  [").replace(")", "]") for entry in compared]
    ax.barh(names, [entry[entry["metric"]] for entry in compared], color="tab:blue", alpha=0.75, label="method")
    ax.plot([entry["baseline_score"] for entry in compared], names, "k|", ms=13, mew=2.5, label="its baseline")
    ax.invert_yaxis()
    ax.set(xlim=(0.3, 1), xlabel="score on the test set", title="Each method beside its baseline")
    ax.get_figure().legend(loc="outside lower right", ncols=2, frameon=False)


def main() -> None:
    """Read the results, draw, save."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else runtime.build_dir() / "results.json"
    results = json.loads(path.read_text(encoding="utf-8"))
    figure = plt.figure(figsize=(14, 5.4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[1.15, 1])
    draw_animals(left.subplots(len(drawn.STYLES), len(SPECIES)))
    draw_results(right.subplots(), results)
    target = ROOT / "docs" / "overview.png"
    target.parent.mkdir(exist_ok=True)
    figure.savefig(target, dpi=80)


if __name__ == "__main__":
    main()
