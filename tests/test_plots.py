"""helpers.plots: what the reader sees is what was passed."""

import subprocess
import sys

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

from helpers import plots, scoreboard


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def inside(artist, ax):
    """Whether the artist lies within the figure as it is drawn."""
    ax.figure.canvas.draw()
    box, figure = artist.get_window_extent(), ax.figure.bbox
    return box.x0 >= -1 and box.y0 >= -1 and box.x1 <= figure.x1 + 1 and box.y1 <= figure.y1 + 1


def test_import_brings_neither_tensorflow_nor_matplotlib():
    code = "import sys; from helpers import plots; print({'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"


@pytest.mark.parametrize(("n", "columns"), [(1, 5), (5, 5), (7, 3)])
@pytest.mark.parametrize("title", ["picture", "says dogs\n0.97"])
def test_every_picture_is_shown_with_its_title_and_none_overlap(n, columns, title):
    pictures = np.random.default_rng(0).integers(0, 256, (n, 16, 16, 3), np.uint8)
    ax = plots.picture_grid(pictures, [f"{i} {title}" for i in range(n)], columns)
    assert len(ax.images) == n
    for image, picture in zip(ax.images, pictures, strict=True):
        np.testing.assert_array_equal(image.get_array(), picture)
    assert texts(ax) == [f"{i} {title}" for i in range(n)]
    shown = [*ax.images, *ax.texts]
    assert all(inside(artist, ax) for artist in shown)
    boxes = [artist.get_window_extent() for artist in shown]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_float_and_grey_pictures_are_shown_in_0_to_255():
    pictures = [np.full((8, 8, 1), value) for value in (-3.0, 100.4, 300.0)]
    ax = plots.picture_grid(pictures)
    assert [image.get_array().max() for image in ax.images] == [0, 100, 255]
    assert {image.get_clim() for image in ax.images} == {(0, 255)}  # or a dark picture would be stretched to white


@pytest.mark.parametrize(("n", "titles"), [(0, []), (2, ["one"])])
def test_pictures_without_titles_are_refused(n, titles):
    with pytest.raises(ValueError, match="title for each"):
        plots.picture_grid(np.zeros((n, 8, 8, 3)), titles)


def test_means_are_drawn_with_their_intervals_in_the_look_of_the_method():
    samples = [[0.5, 0.7, 0.6], [0.8, 0.8, 0.9]]
    ax = plots.means([10, 100], samples, "DANN", label="an opponent")
    line, bars = ax.containers[0].lines[0], ax.containers[0].lines[2][0]
    assert line.get_ydata() == pytest.approx(np.mean(samples, axis=1))
    assert (line.get_color(), line.get_marker()) == (plots.LOOKS["DANN"]["color"], plots.LOOKS["DANN"]["marker"])
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    assert ends == pytest.approx(np.array([scoreboard.interval(scores) for scores in samples]))
    assert ax.get_legend_handles_labels()[1] == ["an opponent"]
    assert plots.means([10, 100], samples, "MMD", ax) is ax and len(plt.get_fignums()) == 1


def test_a_method_without_a_look_is_refused():
    with pytest.raises(ValueError, match=r"wanted one of target only.*got 'DNN'"):
        plots.means([1], [[0.5, 0.6]], "DNN")


def test_every_method_has_a_look_of_its_own():
    looks = {name: (look["color"], look["marker"]) for name, look in plots.LOOKS.items()}
    alike = {("target only", "from scratch"), ("CORAL", "Deep CORAL")}  # one method by two names, and in a network
    names = list(looks)
    same = {(a, b) for i, a in enumerate(names) for b in names[i + 1 :] if looks[a] == looks[b]}
    assert same == alike
