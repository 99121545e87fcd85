"""Run the notebooks with other seeds and other kernels: what they claim should hold there, too.

python tools/claims.py                     # all notebooks, all variations; a stopped run goes on where it was
python tools/claims.py 03 08               # those whose names start so
python tools/claims.py --only seed_101     # one variation
python tools/claims.py --again             # also what has passed before

Each notebook is run by nbval, on the embedded data, so its asserts and its checked outputs count; then its results are
held to tests/expected.toml. What passed is not run again until the notebook or a helper that it uses changes. The table
is left in build/claims/table.md.
"""

import argparse
import ast
import hashlib
import json
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))
import check_expected  # noqa: E402

FOLDER = ROOT / "build" / "claims"
SEED = re.compile(r"(?<=seed_value=)\d+|(?<=^SEED = )\d+", re.MULTILINE)
USES = {"10": ["09"], "11": ["09"]}  # notebooks that load what another one saved
# name -> seed (None: the notebook's own) and settings of the process. The kernels are those of other processors.
VARIATIONS = {
    "seed_101": (101, {}),
    "seed_202": (202, {}),
    # TensorFlow's, NumPy's (whose default sort orders ties otherwise) and OpenBLAS's of a processor without AVX-512
    "kernels_avx2": (
        None,
        {
            "ONEDNN_MAX_CPU_ISA": "AVX2",
            "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_SKX AVX512_ICL AVX512_SPR",
            "OPENBLAS_CORETYPE": "Haswell",
        },
    ),
    "kernels_eigen": (None, {"TF_ENABLE_ONEDNN_OPTS": "0"}),
}


def with_seed(notebook: nbformat.NotebookNode, seed: int) -> nbformat.NotebookNode:
    """Set `seed_value=...` and `SEED = ...` in all code cells, in place."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = SEED.sub(str(seed), cell.source)
    return notebook


def imported(source: str, found: set[Path] | None = None) -> set[Path]:
    """Find the files of the package that this code imports, and those that they import in turn."""
    found = set() if found is None else found
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            module = ROOT / "src" / name.replace(".", "/")
            for file in (module.with_suffix(".py"), module / "__init__.py"):
                if name.startswith("helpers") and file.is_file() and file not in found:
                    found.add(file)
                    imported(file.read_text(encoding="utf-8"), found)
    return found


def fingerprint(path: Path) -> str:
    """Hash all that decides how a notebook ends: its cells, the helpers it reaches, the bounds."""
    used = [path, *(other for number in USES.get(path.stem[:2], ()) for other in path.parent.glob(f"{number}_*.ipynb"))]
    cells = [cell.source for other in used for cell in nbformat.read(other, 4).cells if cell.cell_type == "code"]
    digest = hashlib.sha256("\0".join(cells).encode())
    for file in sorted(imported("\n".join(cells))):
        digest.update(file.read_bytes())
    bounds = {k: v for k, v in check_expected.read_expected().items() if v["notebook"] == path.stem[:2]}
    digest.update(json.dumps(bounds, sort_keys=True).encode())
    return digest.hexdigest()


def run(path: Path, variation: str) -> dict:
    """Run one notebook under one variation.

    Returns
    -------
    dict
        "fingerprint", "seconds" and "failures", one line each.
    """
    seed, settings = VARIATIONS[variation]
    folder = FOLDER / variation
    copy, report = folder / "notebooks" / path.name, folder / f"{path.stem}.xml"
    copy.parent.mkdir(parents=True, exist_ok=True)
    (FOLDER / "no-data").mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    notebook = nbformat.read(path, 4)
    nbformat.write(notebook if seed is None else with_seed(notebook, seed), copy)
    embedded = {
        "TRANSFER_OFFLINE": "1",
        "TRANSFER_DATA": str(FOLDER / "no-data"),
        "TRANSFER_BUILD": str(folder),
        "KERAS_HOME": str(FOLDER / "keras"),
        # Runs side by side whose matrix products each want every core wait for one another.
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    env = {k: v for k, v in os.environ.items() if k not in ("INCEPTION_V3_WEIGHTS", "TRANSFER_FAST")}
    command = [sys.executable, "-m", "pytest", copy, "@tests/nbval.args", "-p", "no:cacheprovider", "-q"]
    start = time.perf_counter()
    ended = subprocess.run(
        [*command, f"--junitxml={report}"], cwd=ROOT, env=env | embedded | settings, capture_output=True, text=True
    )
    failures = failed_cells(report) if report.exists() else [f"pytest ended with {ended.returncode}: {ended.stdout}"]
    scoreboard = folder / "results.json"
    results = json.loads(scoreboard.read_text(encoding="utf-8")) if scoreboard.exists() else {}
    failures += check_expected.faults(results, check_expected.read_expected(), "embedded", [path.stem[:2]])
    seconds = round(time.perf_counter() - start)
    return {"fingerprint": fingerprint(path), "seconds": seconds, "failures": failures}


def failed_cells(report: Path) -> list[str]:
    """Name the cells that failed, each with the end of its message."""
    failures = []
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        for failure in (*case.findall("failure"), *case.findall("error")):
            # nbval repeats the cell's source first; what went wrong stands at the end.
            lines = [line.strip() for line in (failure.text or "").splitlines() if line.strip()]
            failures.append(f"{case.get('name')}: {' | '.join(lines[-3:])[-300:]}")
    return failures


def run_all(paths: list[Path], variation: str, again: bool) -> dict[str, dict]:
    """Run the notebooks one after another, for some use what an earlier one leaves; skip what has passed before."""
    found = {}
    for path in paths:
        kept = FOLDER / variation / f"{path.stem}.json"
        result = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
        passed = result.get("fingerprint") == fingerprint(path) and not result["failures"]
        if again or not passed:
            result = run(path, variation)
            kept.write_text(json.dumps(result, indent=2, ensure_ascii=False), encoding="utf-8")
        state = "passed before" if passed and not again else f"{result['seconds']} s"
        print(f"{variation}, {path.stem}: {'FAILED' if result['failures'] else 'ok'} ({state})", flush=True)
        found[path.stem] = result
    return found


def table(results: dict[str, dict[str, dict]]) -> str:
    """Lay out variation -> notebook -> result as Markdown: a row a notebook, then the failures."""
    notebooks = list(next(iter(results.values())))
    lines = [["notebook", *results], ["---"] * (len(results) + 1)]
    for name in notebooks:
        counts = [len(found[name]["failures"]) for found in results.values()]
        lines.append([name, *(f"{n} failed" if n else "ok" for n in counts)])
    failures = [
        f"- {variation}, {name}: {line}"
        for variation, found in results.items()
        for name, result in found.items()
        for line in result["failures"]
    ]
    return "\n".join([*(f"| {' | '.join(cells)} |" for cells in lines), "", *failures])


def main() -> int:
    """Run what the command line asks for; return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of notebook names; all notebooks without any")
    parser.add_argument("--only", choices=VARIATIONS, action="append", help="a variation; may be given several times")
    parser.add_argument("--again", action="store_true", help="run also what has passed before")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="variations side by side")
    options = parser.parse_args()
    paths = [
        path
        for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
        if not options.names or path.name.startswith(tuple(options.names))
    ]
    if not paths:
        parser.error(f"no notebook begins with {' or '.join(options.names)}")
    variations = options.only or list(VARIATIONS)
    with ThreadPoolExecutor(options.jobs) as pool:
        found = list(pool.map(lambda variation: run_all(paths, variation, options.again), variations))
    text = table(dict(zip(variations, found, strict=True)))
    (FOLDER / "table.md").write_text(text, encoding="utf-8")
    failed = sum(bool(result["failures"]) for results in found for result in results.values())
    print(f"\n{text}\n{len(paths)} notebooks x {len(variations)} variations: {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
