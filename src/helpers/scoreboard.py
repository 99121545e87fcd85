"""Results that the notebooks collect, and what may be claimed about the difference of two methods."""

import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from helpers import runtime

if TYPE_CHECKING:
    import pandas

REAL = Path(__file__).resolve().parents[2] / "docs" / "results" / "real.json"  # in a checkout of the course
_COLUMNS = ["method", "data", "target_labels", "metric", "score", "baseline", "baseline_score", "n_test"]
_WIDTH = 88  # columns that fit beside the cells of a narrow page


def add(
    key: str,
    *,
    method: str,
    data: str,
    score: float | Sequence[float],
    n_test: int,
    target_labels: int | None = None,
    baseline: str | None = None,
    baseline_score: float | Sequence[float] | None = None,
    metric: str = "test_accuracy",
    **more: str | float,
) -> None:
    """Write one result to build/results.json; an earlier one under the same key is replaced.

    Parameters
    ----------
    key : str
        Name in the file, such as "frozen_inceptionv3".
    method, data : str
        What was run, and on what.
    score : float or sequence
        The figure, 0 to 1. Better: one score a seed, or for each test example whether it is right (bool); then their
        mean is the figure, and its 95 % interval is kept, with what it is over ("5 runs" or "test examples"); one
        score alone has none. The file has the figure under the name of the metric.
    n_test : int
        Number of test examples behind it.
    target_labels : int, optional
        Number of labelled examples of the target domain that the method used.
    baseline, baseline_score : str and float or sequence, optional
        What it is compared with, and that method's figure on the same test examples.
    metric : str
        Name of the figure.
    **more : str or float
        Anything else worth keeping, such as weights and cut.

    Raises
    ------
    ValueError
        If a score lies outside 0 to 1, or only one of the two baseline arguments is given.
    """
    spread = {"interval": _interval(score), "interval_over": _runs(score)} if np.size(score) > 1 else {}
    score = float(np.mean(score))
    baseline_score = None if baseline_score is None else float(np.mean(baseline_score))
    for name, value in {"score": score, "baseline_score": baseline_score}.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{name} of {key} must lie between 0 and 1, got {value}; give 0.97 for 97 %.")
    if (baseline is None) != (baseline_score is None):
        raise ValueError(f"{key} needs both baseline and baseline_score, or neither of them.")
    entry = {"method": method, "data": data, "metric": metric, metric: score, "n_test": int(n_test)}
    entry |= {"target_labels": target_labels, "baseline": baseline, "baseline_score": baseline_score}
    entry |= spread | more
    path = _path()
    with runtime.lock(path):  # notebooks may run side by side
        results = read() | {key: entry}
        with runtime.atomic_path(path) as temporary:
            temporary.write_text(json.dumps(results, indent=2, ensure_ascii=False, default=float), encoding="utf-8")


def read() -> dict[str, dict]:
    """Read all results: key -> entry."""
    path = _path()
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def table() -> "pandas.DataFrame":
    """Lay out all results, one row a method, in the order in which they were first added."""
    import pandas as pd

    rows = {key: entry | {"score": entry[entry["metric"]]} for key, entry in read().items()}
    return pd.DataFrame.from_dict(rows, orient="index", columns=_COLUMNS)


def read_real() -> dict:
    """Read what was measured on real data: a scoreboard whose entries also have "date" and "machine"."""
    return json.loads(REAL.read_text(encoding="utf-8")) if REAL.exists() else {}


def show(*keys: str) -> None:
    """Print the figures of this run, and beside them those measured on real data (docs/results/real.json).

    Parameters
    ----------
    *keys : str
        As given to `add`.
    """
    here, real = read(), read_real()
    for key in keys:
        _print(here[key]["method"])
        _print(_in_words(here[key]), "  this run:  ")
        if key in real:
            _print(f"{_in_words(real[key])}; measured {real[key]['date']}", "  real data: ")


def _print(text, label=""):
    """Print in lines that no page breaks: they end between words, and go on under the first one."""
    indent = " " * (len(label) or 2)
    print(textwrap.fill(text, _WIDTH, initial_indent=label, subsequent_indent=indent, break_on_hyphens=False))


def _in_words(entry):
    text = f"{entry[entry['metric']]:.3f}"
    if "interval" in entry:
        text += " ({:.3f} to {:.3f})".format(*entry["interval"])
    if entry["metric"] != "test_accuracy":
        text += f" {entry['metric']}"
    text += f" on {entry['n_test']:,} test examples"
    if entry["baseline"]:
        text += f"; {entry['baseline']}: {entry['baseline_score']:.3f}"
    return f"{text}; {entry['data']}"


@dataclass(frozen=True)
class Difference:
    """Mean of paired differences with its 95 % interval.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the scores, 0 to 1.
    n : int
        Number of pairs.
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Tell whether one method may be called better than the other: the interval does not hold 0."""
        return self.low > 0 or self.high < 0

    def __str__(self):
        return f"{100 * self.mean:+.1f} points (95 % interval {100 * self.low:+.1f} to {100 * self.high:+.1f})"


def difference(scores: Sequence[float], baseline: Sequence[float]) -> Difference:
    """Compare two methods on the same seeds, or on the same test examples, by the paired t interval.

    Parameters
    ----------
    scores, baseline : sequence of n float or bool
        Pairs: the accuracy of both methods for each seed, 0 to 1; or for each test example whether each is right.

    Returns
    -------
    Difference
        Of `scores` minus `baseline`. Where all pairs have the same difference, as two models that are right on the
        same examples, the interval reaches 3 / n to either side (the rule of three) instead of none.

    Raises
    ------
    ValueError
        If there are not equally many of both, or fewer than 5: a claim needs at least 5 pairs.
    """
    from scipy import stats

    a, b = np.asarray(scores, float), np.asarray(baseline, float)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 5:
        raise ValueError(
            f"wanted two sequences of equal length, 5 or more, got shapes {a.shape} and {b.shape}; run both methods on "
            "the same 5 seeds or more, or on the same test examples."
        )
    n, mean, error = len(a), float((a - b).mean()), float((a - b).std(ddof=1) / np.sqrt(len(a)))
    half = error * stats.t.ppf(0.975, n - 1) if error > 1e-12 else 3 / n
    return Difference(mean, float(mean - half), float(mean + half), n)


def interval(scores: Sequence[float]) -> tuple[float, float]:
    """Give the 95 % interval of a mean over seeds, by Student's t: what a plot of means draws as error bars.

    Parameters
    ----------
    scores : sequence of n float
        One score a seed, n >= 2.

    Returns
    -------
    low, high : float

    Raises
    ------
    ValueError
        If there are fewer than two: one score says nothing about its spread.
    """
    from scipy import stats

    a = np.asarray(scores, float)
    if len(a) < 2:
        raise ValueError(f"An interval needs two scores or more, got {len(a)}; run the method on more seeds.")
    half = a.std(ddof=1) / np.sqrt(len(a)) * stats.t.ppf(0.975, len(a) - 1)
    return float(a.mean() - half), float(a.mean() + half)


def _interval(scores):
    """Give the 95 % interval of a mean: Wilson's where each of many examples is right or wrong, else Student's."""
    from scipy import stats

    scores = np.asarray(scores)
    if scores.dtype != bool:
        return list(interval(scores))
    ends = stats.binomtest(int(scores.sum()), len(scores)).proportion_ci(method="wilson")
    return [float(ends.low), float(ends.high)]


def _runs(scores):
    return "test examples" if np.asarray(scores).dtype == bool else f"{len(scores)} runs"


def _path():
    return runtime.build_dir() / "results.json"
