"""Measure speed and scale, side by side with what a reader would use instead; print a table, write build/bench.json.

python benchmarks/bench.py            # all rows; pictures and weights are those at hand (TRANSFER_DATA, ...)
python benchmarks/bench.py 2 5        # some of them

What is compared runs in the same process or right after one another, and each figure is the best of several rounds, so
that the ratios mean something on a noisy machine.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from helpers import runtime

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3


def best(function: Callable, rounds: int = ROUNDS) -> float:
    """Shortest time of a call in seconds; the first call, which compiles, does not count."""
    function()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def row(name: str, ours: float, theirs: float | None, unit: str, target: str, met: bool, **more) -> dict:
    """One line of the table."""
    return {"what": name, "ours": ours, "other": theirs, "unit": unit, "target": target, "met": bool(met)} | more


def side(*arguments: object) -> dict:
    """Run one side of row 1 in a process of its own: its seconds and its accuracy."""
    command = [sys.executable, ROOT / "benchmarks" / "recipe.py", *map(str, arguments)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(output.splitlines()[-1])


def recipe() -> list[dict]:
    """Row 1: the article's recipe, every epoch through the base, against features computed once.

    Each run is a process of its own, from the import to the trained top. TRANSFER_BENCH_SEEDS (1 by default) runs of
    each side give the accuracies; the times are the shortest.
    """
    import numpy as np

    from helpers.data import datasets

    pictures = datasets.cats_vs_dogs()
    folder, seeds = pictures.train.parent, range(int(os.environ.get("TRANSFER_BENCH_SEEDS", 1)))
    n = sum(pictures.counts.loc["train_set"])
    slow = [side("article", folder, seed) for seed in seeds]
    results = []
    for precision in ("float32", "bfloat16"):
        fast = [side("features", folder, seed, precision) for seed in seeds]
        ours, other = (min(run["seconds"] for run in runs) for runs in (fast, slow))
        accuracy, other_accuracy = (float(np.mean([run["accuracy"] for run in runs])) for runs in (fast, slow))
        target = 10 if precision == "float32" else 20
        # On 4,000 pictures the start, some seconds on either side, weighs less: the target is for those.
        results.append(
            row(
                f"1 cached features, {precision}, against the article's recipe, {n} pictures, {len(seeds)} seeds",
                ours,
                other,
                "s",
                f">= {target} x at 4,000 pictures, accuracy at most 0.005 lower",
                (other / ours >= target or n < 4000) and other_accuracy - accuracy <= 0.005,
                ratio=other / ours,
                accuracy=accuracy,
                other_accuracy=other_accuracy,
            )
        )
    return results


def multiplied(folder: Path, n_per_class: int, times: int, target: Path) -> Path:
    """Copy the first pictures of each class several times."""
    from helpers.pictures import photos

    for file in photos.list_pictures(folder).groupby("label").head(n_per_class)["file"]:
        for copy in range(times):
            path = target / f"{Path(file).parent}/{copy}_{Path(file).name}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((folder / file).read_bytes())
    return target


def extraction() -> list[dict]:
    """Row 2: from JPEG files to features, against the bare forward pass on a batch in memory.

    Both without the first batch, which compiles.
    """
    import numpy as np
    import tensorflow as tf
    from tqdm import tqdm

    from helpers.data import datasets
    from helpers.network import backbones, bottleneck
    from helpers.pictures import photos

    train = datasets.cats_vs_dogs().train
    base = backbones.inception_v3()
    files = [train / file for file in photos.list_pictures(train)["file"]]
    batch = photos.load_many(files[:32], base.size).astype("float32")
    keras_graph = tf.function(lambda X: tf.reduce_mean(base.model(X, training=False), axis=(1, 2)))
    plain = 32 / best(lambda: keras_graph(batch), rounds=5)

    def rate(precision):
        """Pictures per second of what `bottleneck.features` does between its first batch and its last."""
        batches = bottleneck._pictures(base, files, np.arange(len(files)), 32, None)
        rows = bottleneck._compute(base, batches, tqdm(disable=True), precision)
        for _ in range(33):
            next(rows)
        start = time.perf_counter()
        return sum(1 for _ in rows) / (time.perf_counter() - start)

    results = []
    for precision in ("float32", "bfloat16"):
        run = bottleneck.forward(base, precision)
        rates, limits = [], []
        for _ in range(ROUNDS):
            limits.append(32 / best(lambda run=run: run(batch), rounds=10))
            rates.append(rate(precision))
        share = float(np.median(rates) / np.median(limits))
        results.append(
            row(
                f"2 JPEG to features, {precision}, against the bare forward pass",
                float(np.median(rates)),
                float(np.median(limits)),
                "pictures/s",
                ">= 0.90" if precision == "float32" else "none: the decoding weighs more",
                share >= 0.9 or precision != "float32",
                ratio=share,
                plain_keras_forward=plain,
            )
        )
    return results


_MEMORY = """
import resource, sys, time
from pathlib import Path
from helpers import runtime; runtime.setup(tensorflow=True)
from helpers.network import backbones, bottleneck
base = backbones.inception_v3()
start = time.perf_counter()
bottleneck.features(base, Path(sys.argv[1]), cache=Path(sys.argv[2]), progress=False)
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def memory() -> list[dict]:
    """Row 3: peak memory and time for 1x, 4x and 16x the pictures, each in a process of its own."""
    from helpers.data import datasets

    train = datasets.cats_vs_dogs().train
    n, found = 100, {}
    with tempfile.TemporaryDirectory() as scratch:
        for times in (1, 4, 16):
            folder = multiplied(train, n // 2, times, Path(scratch) / str(times))
            command = [sys.executable, "-c", _MEMORY, folder, Path(scratch) / f"cache_{times}"]
            output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[times] = [float(number) for number in output.split()[-2:]]
    (time_4, memory_4), (time_16, memory_16) = found[4], found[16]
    growth, linear = memory_16 / memory_4, time_16 / time_4
    return [
        row(
            f"3 peak memory, {16 * n} against {4 * n} pictures ({n}: {found[1][1]:.0f} MB)",
            memory_16,
            memory_4,
            "MB",
            "within 10 %",
            growth <= 1.1,
            ratio=growth,
        ),
        row(
            f"3 time, {16 * n} against {4 * n} pictures ({n}: {found[1][0]:.1f} s)",
            time_16,
            time_4,
            "s",
            "about 4 x",
            linear < 4.6,
            ratio=linear,
        ),
    ]


def imports() -> list[dict]:
    """Row 4: the slowest import of a helper that needs no TensorFlow, and the time of the whole nbval run."""
    package, seconds = ROOT / "src" / "helpers", {}
    for path in sorted(package.rglob("*.py")):
        name = ".".join(["helpers", *path.relative_to(package).with_suffix("").parts]).removesuffix(".__init__")
        code = (
            f"import sys, time; t = time.perf_counter(); import {name}; t = time.perf_counter() - t; "
            "print(t, 'tensorflow' in sys.modules)"
        )
        runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(ROUNDS)]
        if runs[0].returncode == 0 and runs[0].stdout.split()[-1] == "False":  # `cluster` needs Ray, an extra
            seconds[name] = min(float(run.stdout.split()[-2]) for run in runs)
    slowest = max(seconds, key=seconds.get)
    what = f"4 import {slowest}, the slowest of {len(seconds)} without TensorFlow"
    results = [row(what, seconds[slowest], None, "s", "< 0.3 s", seconds[slowest] < 0.3)]
    with tempfile.TemporaryDirectory() as scratch:
        embedded = {"TRANSFER_OFFLINE": "1", "TRANSFER_DATA": f"{scratch}/none", "TRANSFER_BUILD": f"{scratch}/build"}
        command = [sys.executable, "-m", "pytest", "-q", "notebooks", "@tests/nbval.args", "-p", "no:cacheprovider"]
        start = time.perf_counter()
        ended = subprocess.run(command, cwd=ROOT, env=os.environ | embedded, capture_output=True)
        took = time.perf_counter() - start
    results.append(row("4 nbval over all notebooks", took, None, "s", "passes", ended.returncode == 0))
    return results


def methods() -> list[dict]:
    """Row 5: the methods against adapt and skada on the same arrays."""
    import contextlib
    import io
    import warnings

    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from helpers.methods import alignment, instance

    warnings.simplefilter("ignore")
    from adapt import feature_based, instance_based
    from skada import CORALAdapter, TransferComponentAnalysisAdapter

    rng = np.random.default_rng(0)
    n, d = 600, 50
    X_source, X_target = rng.normal(size=(n, d)), rng.normal(0.3, 1.2, (n, d))
    w = rng.normal(size=d)
    y_source, y_target = (X_source @ w > 0).astype(int), (X_target @ w > 0).astype(int)
    X, domain = np.vstack([X_source, X_target]), np.repeat([1, -2], n)
    y = np.concatenate([y_source, np.full(n, -1)])
    tree = LogisticRegression(max_iter=200)
    few = slice(0, 50)

    def quiet(function):
        def call():
            with contextlib.redirect_stdout(io.StringIO()):
                function()

        return call

    pairs = {
        "TrAdaBoost, 10 rounds": (
            lambda: instance.TrAdaBoost(tree, 10).fit(X_source, y_source, X_target[few], y_target[few]),
            {
                "adapt": lambda: instance_based.TrAdaBoost(
                    tree, Xt=X_target[few], yt=y_target[few], n_estimators=10, verbose=0
                ).fit(X_source, y_source)
            },
        ),
        "kernel mean matching": (
            lambda: instance.KernelMeanMatching(tree, gamma=0.02, B=10.0).fit_weights(X_source, X_target),
            {
                "adapt": lambda: instance_based.KMM(tree, kernel="rbf", gamma=0.02, B=10.0, verbose=0).fit_weights(
                    X_source, X_target
                )
            },
        ),
        "CORAL": (
            lambda: alignment.CORAL().fit(X_source, X_target).transform(X_source, domain="source"),
            {
                "adapt": lambda: feature_based.CORAL(tree, verbose=0).fit_transform(X_source, X_target),
                "skada": lambda: CORALAdapter(reg="auto").fit_transform(X, y, sample_domain=domain),
            },
        ),
        "TCA, 10 components, linear kernel": (
            lambda: alignment.TCA(10).fit(X_source, X_target).transform(X_source, domain="source"),
            {
                "adapt": lambda: feature_based.TCA(tree, n_components=10, kernel="linear", verbose=0).fit_transform(
                    X_source, X_target
                ),
                "skada": lambda: TransferComponentAnalysisAdapter(kernel="linear", n_components=10).fit_transform(
                    X, y, sample_domain=domain
                ),
            },
        ),
    }
    results = []
    for name, (ours, others) in pairs.items():
        our_seconds = best(ours)
        for library, theirs in others.items():
            their_seconds = best(quiet(theirs))
            ratio = their_seconds / our_seconds
            results.append(
                row(
                    f"5 {name}, against {library}",
                    our_seconds,
                    their_seconds,
                    "s",
                    "no slower",
                    ratio >= 1,
                    ratio=ratio,
                )
            )
    return results


def drawing() -> list[dict]:
    """Row 6: how fast animals are drawn, counted in processor time: one core."""
    from helpers.data import drawn

    def rate(style):
        start = time.process_time()
        drawn.dataset(["cat", "dog"], 200, style, size=128)
        return 400 / (time.process_time() - start)

    rates = {style: max(rate(style) for _ in range(ROUNDS)) for style in drawn.STYLES}
    return [
        row(f"6 drawing, {style}, 128x128, one core", found, None, "pictures/s", ">= 500", found >= 500)
        for style, found in rates.items()
    ]


ROWS = {"1": recipe, "2": extraction, "3": memory, "4": imports, "5": methods, "6": drawing}


def main() -> int:
    """Run the rows asked for, print the table, write the file; return 1 if a target is missed."""
    import pandas as pd

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], help="numbers of rows; all without any")
    chosen = parser.parse_args().rows or list(ROWS)
    results = [result for number in chosen for result in ROWS[number]()]
    table = pd.DataFrame(results, columns=["what", "ours", "other", "unit", "ratio", "target", "met"])
    print(table.to_string(index=False, float_format="{:.3g}".format, na_rep=""))
    path = runtime.build_dir() / "bench.json"
    with runtime.atomic_path(path) as temporary:
        machine = {"cores": os.cpu_count(), "rows": results}
        temporary.write_text(json.dumps(machine, indent=2), encoding="utf-8")
    return int(not table["met"].all())


if __name__ == "__main__":
    runtime.setup(tensorflow=True)
    sys.exit(main())
