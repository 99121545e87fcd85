"""Draw README's picture: drawn animals in three styles, and the main results beside their baselines.

python tools/readme_picture.py    # from docs/results/real.json; writes docs/overview.png
"""

from pathlib import Path

import matplotlib.pyplot as plt

from helpers import scoreboard
from helpers.data import drawn

ROOT = Path(__file__).resolve().parents[1]
SPECIES = ["cat", "dog", "fox", "owl"]


def draw_animals(axes) -> None:
    """Fill a grid of axes: one row a style, one column an animal, the same animal in each style."""
    for row, style in zip(axes, drawn.STYLES, strict=True):
        for seed, (ax, species) in enumerate(zip(row, SPECIES, strict=True)):
            ax.imshow(drawn.draw(species, style, size=160, seed=seed))
            ax.set(xticks=[], yticks=[])
        row[0].set_ylabel(style)


def draw_results(ax, results: dict[str, dict]) -> None:
    """Join each method's accuracy, with its interval, to its baseline; accuracies alone share the axis."""
    shown = [e for e in results.values() if e["metric"] == "test_accuracy" and e["baseline_score"] is not None]
    shown.sort(key=lambda entry: entry["method"].partition("(notebook ")[2])
    for place, entry in enumerate(shown):
        score, baseline = entry["test_accuracy"], entry["baseline_score"]
        ax.plot([baseline, score], [place, place], color="0.75", lw=2, zorder=0)
        ax.plot(entry.get("interval", [score, score]), [place, place], color="black", lw=1)
        ax.plot(baseline, place, "D", color="white", mec="black", label=None if place else "baseline")
        guessing = 0.25 if "four animals" in entry["data"] else 0.5
        ax.plot([guessing] * 2, [place - 0.5, place + 0.5], color="0.6", ls=":", zorder=-1)
        ax.plot(score, place, "o", color="tab:blue", mec="black", label=None if place else "method, 95 % interval")
    names = [e["method"].replace(" (notebook ", "  [").replace(")", "]") for e in shown]
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set(xlim=(0, 1.02), xlabel="test accuracy; dotted: guessing", title="On real data")
    ax.get_figure().legend(loc="outside lower right", ncols=2, frameon=False)


def main() -> None:
    """Draw and save."""
    figure = plt.figure(figsize=(13, 4.6), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[0.8, 1])
    draw_animals(left.subplots(len(drawn.STYLES), len(SPECIES)))
    draw_results(right.subplots(), scoreboard.read_real())
    figure.savefig(ROOT / "docs" / "overview.png", dpi=80)


if __name__ == "__main__":
    main()
