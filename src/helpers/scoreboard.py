"""Results that the notebooks collect, shown side by side."""

import json
from typing import TYPE_CHECKING

from helpers import runtime

if TYPE_CHECKING:
    import pandas

_COLUMNS = ["method", "data", "target_labels", "metric", "score", "baseline", "baseline_score", "n_test"]


def add(
    key: str,
    *,
    method: str,
    data: str,
    score: float,
    n_test: int,
    target_labels: int | None = None,
    baseline: str | None = None,
    baseline_score: float | None = None,
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
    score : float
        The figure, 0 to 1. The file has it under the name of the metric.
    n_test : int
        Number of test examples behind it.
    target_labels : int, optional
        Number of labelled examples of the target domain that the method used.
    baseline, baseline_score : str and float, optional
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
    for name, value in {"score": score, "baseline_score": baseline_score}.items():
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"{name} of {key} must lie between 0 and 1, got {value}; give 0.97 for 97 %.")
    if (baseline is None) != (baseline_score is None):
        raise ValueError(f"{key} needs both baseline and baseline_score, or neither of them.")
    entry = {"method": method, "data": data, "metric": metric, metric: float(score), "n_test": int(n_test)}
    entry |= {"target_labels": target_labels, "baseline": baseline, "baseline_score": baseline_score} | more
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


def _path():
    return runtime.build_dir() / "results.json"
