"""Axes that more than one notebook draws; each function takes arrays and an optional `ax`, and returns the axes."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # matplotlib takes longer to import than everything else here: each function asks for it
    from matplotlib.axes import Axes

_MARKERS = "os^Dv"


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


def training_curves(
    history: Mapping[str, Sequence[float]], ax: "Axes | None" = None, metric: str = "accuracy", label: str = ""
) -> "Axes":
    """Draw a metric over the epochs: dashed on the training set, solid on the validation set where there is one.

    Parameters
    ----------
    history : mapping of str to sequence of float
        Name of a metric -> one value an epoch, as Keras's `History.history` or `classifier.train` give it.
    ax : Axes, optional
        Where to draw. A second call on the same axes adds another run, in another colour and with another marker.
    metric : str
        Which metric; its values on the validation set are under "val_" and this name.
    label : str
        Name of the run, for the legend.

    Returns
    -------
    Axes

    Raises
    ------
    KeyError
        If the history does not have the metric.
    """
    if metric not in history:
        raise KeyError(f"history has no {metric!r}; it has {', '.join(history)}")
    ax = _axes(ax, (6, 3.6))
    run = len({line.get_color() for line in ax.get_lines()})
    style = {"color": f"C{run}", "marker": _MARKERS[run % len(_MARKERS)], "markersize": 5}
    for name, line, where in ((metric, "--", "training"), (f"val_{metric}", "-", "validation")):
        if name in history:
            epochs = np.arange(1, len(history[name]) + 1)
            ax.plot(epochs, history[name], line, label=f"{label}, {where}".lstrip(", "), **style)
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set(xlabel="epoch", ylabel=metric)
    ax.legend()
    return ax


def _axes(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """Give `ax`, or the axes of a new figure of this size in inches."""
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=figsize, layout="constrained")[1] if ax is None else ax
