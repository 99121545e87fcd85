"""Axes that more than one notebook draws; each function takes arrays and an optional `ax`, and returns the axes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from helpers import scoreboard

if TYPE_CHECKING:  # matplotlib takes longer to import than everything else here: each function asks for it
    from matplotlib.axes import Axes

# One look for each method, the same in all notebooks. Those that meet in one plot differ in colour and in marker, so
# that the plot reads in grey, too. Baselines are black and grey.
LOOKS = {
    "target only": {"color": "black", "marker": "s", "linestyle": "--"},
    "from scratch": {"color": "black", "marker": "s", "linestyle": "--"},  # target only, by another name
    "source only": {"color": "0.55", "marker": "v", "linestyle": ":"},
    "random": {"color": "0.55", "marker": "X", "linestyle": ":"},  # random weights, a random mapping
    "standardised": {"color": "0.35", "marker": "D", "linestyle": "-."},
    "unseen words dropped": {"color": "0.35", "marker": "d", "linestyle": "-."},
    "both together": {"color": "#0072b2", "marker": "^", "linestyle": "-."},
    "far source": {"color": "#e69f00", "marker": "o", "linestyle": "-"},  # both together, where two sources compete
    "TrAdaBoost": {"color": "#d55e00", "marker": "o", "linestyle": "-"},
    "feature selection": {"color": "#56b4e9", "marker": "d", "linestyle": "--"},
    "standardise, then select": {"color": "#0072b2", "marker": "8", "linestyle": ":"},
    "subspace alignment": {"color": "#0072b2", "marker": "h", "linestyle": "-."},
    "CORAL": {"color": "#009e73", "marker": "P", "linestyle": "-"},
    "TCA": {"color": "#cc79a7", "marker": "o", "linestyle": "-"},
    "DANN": {"color": "#d55e00", "marker": "p", "linestyle": "-"},
    "Deep CORAL": {"color": "#009e73", "marker": "P", "linestyle": "-"},  # CORAL in a network
    "MMD": {"color": "#cc79a7", "marker": "<", "linestyle": "--"},
    "autoencoder": {"color": "#e69f00", "marker": "^", "linestyle": "--"},
    "SimCLR": {"color": "#0072b2", "marker": "o", "linestyle": "-"},
    "pre-trained": {"color": "#009e73", "marker": "D", "linestyle": "-"},
    "analogy": {"color": "#d55e00", "marker": "P", "linestyle": "-"},
    "everyone": {"color": "0.55", "marker": "None", "linestyle": "-"},  # always the same answer
    "clause by clause": {"color": "#0072b2", "marker": ">", "linestyle": "--"},
}


def picture_grid(
    pictures: Sequence[np.ndarray], titles: Sequence[str] = (), columns: int = 5, ax: "Axes | None" = None
) -> "Axes":
    """Show pictures side by side, each with its title above it.

    Parameters
    ----------
    pictures : sequence of n arrays, each of shape (height, width, channels) with 1 or 3 channels
        Pictures of one size, in 0..255.
    titles : sequence of n str, optional
        Titles, of one line or more; none by default.
    columns : int
        Pictures in a row.
    ax : Axes, optional
        Where to draw; by default a new figure that fits.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If there are no pictures, or not as many titles as pictures.
    """
    if len(pictures) == 0 or len(titles) not in (0, len(pictures)):
        raise ValueError(f"wanted a title for each of one or more pictures, got {len(pictures)} and {len(titles)}")
    height, width = pictures[0].shape[:2]
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    lines = max((title.count("\n") + 1 for title in titles), default=0)
    step_x, step_y = 1.06 * width, (1.06 + 0.13 * lines) * height
    ax = _axes(ax, (2 * columns, 2 * rows * step_y / step_x))
    for i, picture in enumerate(pictures):
        left, top = i % columns * step_x, i // columns * step_y
        shown = np.clip(np.round(picture), 0, 255).astype(np.uint8).squeeze()
        ax.imshow(shown, cmap="gray", vmin=0, vmax=255, extent=(left, left + width, top + height, top))
        if titles:
            ax.text(left + width / 2, top - 0.03 * height, titles[i], ha="center", va="bottom", fontsize="small")
    ax.set_xlim(0, columns * step_x)
    ax.set_ylim((rows - 1) * step_y + height, 0.06 * height - (step_y - height))
    ax.axis("off")
    return ax


def means(
    x: Sequence[float],
    samples: Sequence[Sequence[float]],
    method: str,
    ax: "Axes | None" = None,
    label: str | None = None,
) -> "Axes":
    """Draw the mean of several seeds at each x with its 95 % interval, in the look of the method.

    Parameters
    ----------
    x : sequence of n float
        For example numbers of target labels.
    samples : sequence of n sequences of 2 or more float
        The scores of all seeds at each x.
    method : str
        One of `LOOKS`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    label : str, optional
        Name in the legend; by default the method's.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If the method has no look, or `x` and `samples` are not equally long.
    """
    if method not in LOOKS:
        raise ValueError(f"wanted one of {', '.join(LOOKS)}; got {method!r}: give it a look of its own in plots.LOOKS")
    middle = np.array([np.mean(scores) for scores in samples])
    reach = middle - [scoreboard.interval(scores)[0] for scores in samples]
    ax = _axes(ax, (7, 4))
    ax.errorbar(x, middle, reach, capsize=3, label=label or method, **LOOKS[method])
    return ax


def _axes(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """Give `ax`, or the axes of a new figure of this size in inches."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax
