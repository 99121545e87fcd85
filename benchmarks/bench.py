"""Measure speed and scale, side by side with what a reader would use instead; print a table, write build/bench.json.

python benchmarks/bench.py                        # all rows, on the pictures and weights at hand (TRANSFER_DATA)
python benchmarks/bench.py 2 5                    # some of them; the file keeps the others
python benchmarks/bench.py 1 --seeds 1 --most 0   # the first row, quickly

What is compared runs in the same process or right after one another, in turn, so that the ratios mean something on a
noisy machine.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from helpers import runtime

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 3
ARTICLES = 20_000  # pictures
GOALS = {"float32": 10, "bfloat16": 20, "float16": 20}  # times as fast as the article's recipe, at 4,000 pictures


def seconds_of(function: Callable) -> float:
    """Time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def best(function: Callable, rounds: int = ROUNDS) -> float:
    """Shortest time of a call in seconds; the first call, which compiles, does not count."""
    function()
    return min(seconds_of(function) for _ in range(rounds))


def row(what: str, ours: float, other: float | None, unit: str, target: str, met: bool = True, **more) -> dict:
    """One line of the table."""
    return {"what": what, "ours": ours, "other": other, "unit": unit, "target": target, "met": bool(met)} | more


def times_as_fast(what: str, ours: float, other: float, target: str, at_least: float = 0.0, **more) -> dict:
    """One line that compares seconds."""
    return row(what, ours, other, "s", target, other / ours >= at_least, ratio=other / ours, **more)


def scratch() -> tempfile.TemporaryDirectory:
    """Give a folder in the build folder, for as long as a row takes."""
    return tempfile.TemporaryDirectory(dir=runtime.build_dir(), prefix="bench_")


def multiplied(folder: Path, times: int, target: Path) -> Path:
    """Copy each picture of a folder several times."""
    from helpers.pictures import photos

    for file in photos.list_pictures(folder)["file"]:
        path = target / file
        path.parent.mkdir(parents=True, exist_ok=True)
        for copy in range(times):
            shutil.copyfile(folder / file, path.with_name(f"{copy}_{path.name}"))
    return target


def precisions(base) -> list[str]:
    """List float32 and, where that is another one, what "auto" takes here."""
    from helpers.network import bottleneck

    return list(dict.fromkeys(["float32", bottleneck.choose_precision(base)]))


def side(*arguments: object) -> dict:
    """Run one side of row 1 in a process of its own: its seconds and its accuracy."""
    command = [sys.executable, ROOT / "benchmarks" / "recipe.py", *map(str, arguments)]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)  # an error goes to the screen
    found = json.loads(run.stdout.splitlines()[-1])
    print(*arguments, found, flush=True)
    return found


def sides(folder: Path, seeds: int, ours: list[str]) -> dict[str, dict]:
    """Run the article's side and ours, in turn, once a seed: median of the seconds, mean of the accuracies."""
    import numpy as np

    runs = {name: [] for name in ("article", *ours)}
    for seed in range(seeds):
        for name, done in runs.items():
            done.append(side(*(["article", folder, seed] if name == "article" else ["features", folder, seed, name])))
    return {
        name: {
            "seconds": float(np.median([run["seconds"] for run in done])),
            "accuracy": float(np.mean([run["accuracy"] for run in done])),
        }
        for name, done in runs.items()
    }


def recipe(seeds: int, most: int) -> list[dict]:
    """Row 1: the article's recipe, every epoch through the base, against features computed once.

    Each run is a process of its own, from the import to the trained top. On the pictures at hand, `seeds` runs of each
    side give the accuracies. Copies of the training pictures, `most` in all, show how the ratio grows, and a line
    through both gives what it would be with the article's number. Validation is on the same pictures throughout.
    """
    from helpers.data import datasets
    from helpers.network import backbones

    pictures, ours = datasets.cats_vs_dogs(), precisions(backbones.inception_v3())
    n = int(pictures.counts.loc["train_set"].sum())
    small, results = sides(pictures.root, seeds, ours), []
    for precision in ours:
        found, other = small[precision], small["article"]
        line = times_as_fast(
            f"1 cached features, {precision}, against the article's recipe, {n:,} pictures, {seeds} seeds",
            found["seconds"],
            other["seconds"],
            "accuracy at most 0.5 points lower",
            accuracy=found["accuracy"],
            other_accuracy=other["accuracy"],
        )
        results.append(line | {"met": other["accuracy"] - found["accuracy"] < 0.005 + 1e-9})
    return results + (grown(pictures, n, most // n, small) if most > n else [])


def grown(pictures, n: int, times: int, small: dict[str, dict]) -> list[dict]:
    """Row 1 on `times` copies of the `n` training pictures and, extrapolated, on as many as the article has."""
    ours = [name for name in small if name != "article"]
    with scratch() as folder:
        root = Path(folder)
        multiplied(pictures.train, times, root / "train_set")
        multiplied(pictures.validation, 1, root / "validation_set")
        multiplied(pictures.test, 1, root / "test_set")
        large = sides(root, 1, ours)
    few, many = ({name: run["seconds"] for name, run in found.items()} for found in (small, large))
    slope = {name: (many[name] - few[name]) / (n * times - n) for name in few}  # seconds a picture
    far = {name: few[name] + slope[name] * (ARTICLES - n) for name in few}
    results = []
    for name in ours:
        what, goal = f"1 cached features, {name}, against the article's recipe", GOALS[name]
        measured = (f"{what}, {n * times:,} pictures (copies)", many[name], many["article"], f">= {goal} x", goal)
        results.append(times_as_fast(*measured))
        results.append(times_as_fast(f"{what}, {ARTICLES:,} pictures, extrapolated", far[name], far["article"], "none"))
    return results


def extraction() -> list[dict]:
    """Row 2: from JPEG files to features, against what the machine could do: decode with all cores, then compute.

    All without the first batch, which compiles.
    """
    import numpy as np

    from helpers.data import datasets
    from helpers.network import backbones, bottleneck
    from helpers.pictures import photos

    train, base = datasets.cats_vs_dogs().train, backbones.inception_v3()
    files = [train / file for file in photos.list_pictures(train)["file"]]
    batch = photos.load_many(files[:32], base.size).astype("float32")
    hashes, results = bottleneck._hashes(files), []
    for precision in precisions(base):
        run, found = bottleneck.forward(base, precision), []
        for _ in range(ROUNDS):
            run(batch)  # compiles
            forward = 320 / seconds_of(lambda run=run: [run(batch) for _ in range(10)])
            decoding = len(files) / seconds_of(lambda: photos.load_many(files, base.size))
            found.append((forward, decoding, extraction_rate(base, files, hashes, precision)))
        forward, decoding, ours = np.median(found, axis=0)
        what = f"2 JPEG to features, {precision}, against decoding ({decoding:.0f}/s), then the base ({forward:.0f}/s)"
        share = float(np.median([rate * (1 / a + 1 / b) for a, b, rate in found]))
        limit = 1 / (1 / forward + 1 / decoding)
        results.append(row(what, ours, limit, "pictures/s", ">= 0.85", share >= 0.85, ratio=share))
    return [*results, batching(train, files, base.size)]


def extraction_rate(base, files: list[Path], hashes: list[bytes], precision: str) -> float:
    """Pictures per second of what `bottleneck.features` does between its first batch and its last."""
    import numpy as np
    from tqdm import tqdm

    from helpers.network import bottleneck

    pictures = bottleneck._pictures(base, files, np.arange(len(files)), 32, hashes)
    rows = bottleneck._compute(base, pictures, tqdm(disable=True), precision)
    for _ in range(33):
        next(rows)
    start = time.perf_counter()
    return sum(1 for _ in rows) / (time.perf_counter() - start)


def batching(folder: Path, files: list[Path], size: int) -> dict:
    """Row 2: the first epoch of `photos.batches`, in which it decodes, against decoding alone."""
    import numpy as np

    from helpers.pictures import photos

    found = []
    for _ in range(2 * ROUNDS + 2):  # more of them: a round takes two seconds, in which much can come between
        ours = len(files) / seconds_of(lambda: [None for _ in photos.batches(folder, size)])
        found.append((ours, len(files) / seconds_of(lambda: photos.load_many(files, size))))
    ours, decoding = np.median(found[1:], axis=0)  # the first one compiles
    share = float(np.median([rate / limit for rate, limit in found[1:]]))
    what = "2 JPEG to batches of photos.batches, against decoding alone"
    return row(what, ours, decoding, "pictures/s", ">= 0.85", share >= 0.85, ratio=share)


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
    """Row 3: peak memory and time for 1x, 5x and 20x the pictures, each in a process of its own."""
    from helpers.data import datasets
    from helpers.pictures import photos

    train = datasets.cats_vs_dogs().train
    n, found = len(photos.list_pictures(train)), {}
    for times in (1, 5, 20):
        with scratch() as folder:
            copies = multiplied(train, times, Path(folder) / "train_set")
            command = [sys.executable, "-c", _MEMORY, copies, Path(folder) / "cache"]
            output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        found[times] = [float(number) for number in output.split()[-2:]]
    (_, memory_1), (time_5, memory_5), (time_20, memory_20) = found.values()
    growth, linear = memory_20 / memory_5, time_20 / time_5
    sizes = f"{20 * n:,} against {5 * n:,} pictures"
    what = f"3 peak memory, {sizes} ({n:,}: {memory_1:,.0f} MB)"
    return [
        row(what, memory_20, memory_5, "MB", "within 10 %", growth <= 1.1, ratio=growth),
        row(f"3 time, {sizes}", time_20, time_5, "s", "about 4 x", linear < 4.6, ratio=linear),
    ]


def import_seconds(module: str) -> float | None:
    """Time of importing a module in a process of its own; None where it needs TensorFlow, or Ray, an extra."""
    code = (
        f"import sys, time; t = time.perf_counter(); import {module}; t = time.perf_counter() - t; "
        "print(t, {'tensorflow', 'ray'}.isdisjoint(sys.modules))"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(ROUNDS)]
    if runs[0].returncode or runs[0].stdout.split()[-1] == "False":
        return None
    return min(float(run.stdout.split()[-2]) for run in runs)


def imports() -> list[dict]:
    """Row 4: the slowest import of a helper that needs no TensorFlow, against scikit-learn's, which several need."""
    package, seconds = ROOT / "src" / "helpers", {}
    for path in sorted(package.rglob("*.py")):
        name = ".".join(["helpers", *path.relative_to(package).with_suffix("").parts]).removesuffix(".__init__")
        seconds[name] = import_seconds(name)
    seconds = {name: found for name, found in seconds.items() if found is not None}
    slowest, other = max(seconds, key=seconds.get), import_seconds("sklearn.base")
    what = f"4 import {slowest}, the slowest of {len(seconds)} without TensorFlow, against scikit-learn's"
    return [row(what, seconds[slowest], other, "s", "< 0.3 s more", seconds[slowest] - other < 0.3)]


def comparisons() -> dict[str, tuple[Callable, dict[str, Callable]]]:
    """Give what row 5 compares, on the same arrays: name -> ours, and what others have for the same."""
    import numpy as np
    from adapt import feature_based, instance_based
    from sklearn.linear_model import LogisticRegression

    from helpers.methods import alignment, instance

    rng, n, few = np.random.default_rng(0), 600, slice(0, 50)
    Xs, Xt = rng.normal(size=(n, 50)), rng.normal(0.3, 1.2, (n, 50))
    w = rng.normal(size=50)
    ys, yt = (Xs @ w > 0).astype(int), (Xt[few] @ w > 0).astype(int)
    learner = LogisticRegression(max_iter=200)
    boosted = {"Xt": Xt[few], "yt": yt, "n_estimators": 10, "verbose": 0}
    matched = {"kernel": "rbf", "gamma": 0.02, "B": 10.0, "verbose": 0}
    linear = {"n_components": 10, "kernel": "linear"}
    coral, tca = of_skada(Xs, Xt, ys, linear)
    return {
        "TrAdaBoost, 10 rounds": (
            lambda: instance.TrAdaBoost(learner, 10).fit(Xs, ys, Xt[few], yt),
            {"adapt": lambda: instance_based.TrAdaBoost(learner, **boosted).fit(Xs, ys)},
        ),
        "kernel mean matching": (
            lambda: instance.KernelMeanMatching(learner, gamma=0.02, B=10.0).fit_weights(Xs, Xt),
            {"adapt": lambda: instance_based.KMM(learner, **matched).fit_weights(Xs, Xt)},
        ),
        "CORAL": (
            lambda: alignment.CORAL().fit(Xs, Xt).transform(Xs, domain="source"),
            {"adapt": lambda: feature_based.CORAL(learner, verbose=0).fit_transform(Xs, Xt), "skada": coral},
        ),
        "TCA, 10 components, linear kernel": (
            lambda: alignment.TCA(10).fit(Xs, Xt).transform(Xs, domain="source"),
            {"adapt": lambda: feature_based.TCA(learner, **linear, verbose=0).fit_transform(Xs, Xt), "skada": tca},
        ),
    }


def of_skada(Xs, Xt, ys, linear: dict) -> tuple[Callable, Callable]:
    """Give skada's CORAL and TCA, which want both domains in one array."""
    import numpy as np
    from skada import CORALAdapter, TransferComponentAnalysisAdapter

    X, y = np.vstack([Xs, Xt]), np.concatenate([ys, np.full(len(Xt), -1)])
    domain = np.repeat([1, -2], [len(Xs), len(Xt)])
    return (
        lambda: CORALAdapter(reg="auto").fit_transform(X, y, sample_domain=domain),
        lambda: TransferComponentAnalysisAdapter(**linear).fit_transform(X, y, sample_domain=domain),
    )


def methods() -> list[dict]:
    """Row 5: the methods against adapt and skada on the same arrays, with the same kernels."""
    warnings.simplefilter("ignore")

    def quiet(function):
        def call():
            with contextlib.redirect_stdout(io.StringIO()):
                function()

        return call

    return [
        times_as_fast(f"5 {name}, against {library}", best(ours, 5), best(quiet(theirs), 5), "no slower", 1.0)
        for name, (ours, others) in comparisons().items()
        for library, theirs in others.items()
    ]


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


def notebooks() -> list[dict]:
    """Row 7: the time of the whole nbval run, on the embedded data."""
    with tempfile.TemporaryDirectory() as folder:
        embedded = {"TRANSFER_OFFLINE": "1", "TRANSFER_DATA": f"{folder}/none", "TRANSFER_BUILD": f"{folder}/build"}
        embedded |= {"INCEPTION_V3_WEIGHTS": "", "KERAS_HOME": f"{folder}/keras"}
        command = [sys.executable, "-m", "pytest", "-q", "notebooks", "@tests/nbval.args", "-p", "no:cacheprovider"]
        start = time.perf_counter()
        ended = subprocess.run(command, cwd=ROOT, env=os.environ | embedded, capture_output=True)
        took = time.perf_counter() - start
    return [row("7 nbval over all notebooks, one after the other", took, None, "s", "passes", ended.returncode == 0)]


ROWS = {"1": recipe, "2": extraction, "3": memory, "4": imports, "5": methods, "6": drawing, "7": notebooks}


def keep(path: Path, measured: dict[str, list[dict]]) -> None:
    """Write the file; rows that were not measured now stay, if they are of the same machine."""
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    rows = before.get("rows", []) if before.get("machine") == runtime.machine() else []
    rows = [entry for entry in rows if entry["what"][0] not in measured]
    rows += [entry for found in measured.values() for entry in found]
    rows.sort(key=lambda entry: entry["what"][0])  # stable
    with runtime.atomic_path(path) as temporary:
        temporary.write_text(json.dumps({"machine": runtime.machine(), "rows": rows}, indent=2), encoding="utf-8")


def main() -> int:
    """Run the rows asked for, print the table, write the file; return 1 if a target is missed."""
    import pandas as pd

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], help="numbers of rows; all without any")
    parser.add_argument("--seeds", type=int, default=5, help="of row 1, whose accuracies are means over them")
    parser.add_argument("--most", type=int, default=4000, help="training pictures of row 1; 0: those at hand alone")
    options = parser.parse_args()
    measured = {}
    for number in options.rows or ROWS:
        settings = (options.seeds, options.most) if number == "1" else ()
        measured[number] = ROWS[number](*settings)
        keep(runtime.build_dir() / "bench.json", measured)  # a run that is stopped has measured something
    rows = [entry for found in measured.values() for entry in found]
    table = pd.DataFrame(rows, columns=["what", "ours", "other", "unit", "ratio", "target", "met"])
    print(table.to_string(index=False, float_format="{:.3g}".format, na_rep=""))
    return int(not table["met"].all())


if __name__ == "__main__":
    runtime.setup(tensorflow=True)
    sys.exit(main())
