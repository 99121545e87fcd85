"""Execute the notebooks from top to bottom, each in a fresh kernel.

python tools/run_notebooks.py              # all of them: copies and HTML in build/executed, then the scoreboard
python tools/run_notebooks.py 09 10        # those whose names start so
python tools/run_notebooks.py --inplace    # refresh the outputs that are committed
"""

import argparse
import re
import sys
import time
from pathlib import Path

import nbformat
from jinja2 import DictLoader, pass_context
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from helpers import runtime, scoreboard
from mathml import mathml

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def execute(path: Path) -> tuple[nbformat.NotebookNode, str]:
    """Run one notebook in its folder; return it with its outputs, and the error that stopped it, if any."""
    notebook = nbformat.read(path, as_version=4)
    started = []
    client = NotebookClient(
        notebook,
        timeout=3600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": path.parent}},
        extra_arguments=["--Application.log_level=ERROR"],
        on_cell_start=lambda cell, cell_index: started.append(cell_index),
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        return notebook, f"{path.name}, cell {started[-1] if started else 0}: {error}"
    return notebook, ""


def clean(notebook: nbformat.NotebookNode) -> None:
    """Remove what differs from machine to machine or from run to run without meaning."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not is_progress_bar(output)]


def is_progress_bar(output: nbformat.NotebookNode) -> bool:
    """Tell whether an output is one of tqdm's bars, which mean nothing once the work is done."""
    data = output.get("data", {})
    return "application/vnd.jupyter.widget-view+json" in data and bool(
        re.search(r"\[\d\d:\d\d[<,]", data.get("text/plain", ""))
    )


class MathRenderer(IPythonRenderer):
    """Write formulas as MathML."""

    def inline_math(self, body: str) -> str:
        """Write a formula within a line."""
        return mathml(body)

    def block_math(self, body: str) -> str:
        """Write a formula on a line of its own."""
        return mathml(body, display="block")


class OfflineHTMLExporter(HTMLExporter):
    """Write pages that fetch no script from the network: it would keep a reader behind a firewall waiting."""

    def __init__(self):
        blocks = ("html_head_js", "html_head_js_mathjax", "html_head_js_mermaidjs")
        page = "{% extends 'lab/index.html.j2' %}" + "".join(f"{{% block {b} %}}{{% endblock %}}" for b in blocks)
        super().__init__(extra_loaders=[DictLoader({"page.html.j2": page})], template_file="page.html.j2")

    @pass_context
    def markdown2html(self, context: object, source: str) -> str:
        """Turn a Markdown cell into HTML."""
        return MarkdownWithMath(renderer=MathRenderer(escape=False)).render(source)


def main() -> int:
    """Run what the command line asks for; return 1 if a notebook stopped with an error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="beginnings of notebook names; all notebooks without any")
    parser.add_argument("--inplace", action="store_true", help="write the outputs into the notebooks themselves")
    arguments = parser.parse_args()
    paths = [
        p for p in sorted(FOLDER.glob("*.ipynb")) if not arguments.names or p.name.startswith(tuple(arguments.names))
    ]
    if not paths:
        parser.error(f"no notebook in {FOLDER} begins with {' or '.join(arguments.names)}")
    if not arguments.names:
        (runtime.build_dir() / "results.json").unlink(missing_ok=True)

    executed = runtime.build_dir() / "executed"
    executed.mkdir(parents=True, exist_ok=True)
    failed = []
    for i, path in enumerate(paths, start=1):
        print(f"[{i}/{len(paths)}] {path.stem} ...", end=" ", flush=True)
        start = time.perf_counter()
        notebook, error = execute(path)
        print(f"{'FAILED' if error else 'ok'} in {time.perf_counter() - start:.0f} s", flush=True)
        clean(notebook)
        if error:
            failed.append(path.stem)
            print(error, file=sys.stderr)
        elif arguments.inplace:
            nbformat.write(notebook, path)
        nbformat.write(notebook, executed / path.name)
        html, _ = OfflineHTMLExporter().from_notebook_node(notebook, resources={"metadata": {"name": path.stem}})
        (executed / f"{path.stem}.html").write_text(html, encoding="utf-8")

    print(
        f"\nScoreboard\n{scoreboard.table().drop(columns='metric').to_string(float_format='{:.3f}'.format, na_rep='')}"
    )
    if failed:
        print(f"\nStopped with an error: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
