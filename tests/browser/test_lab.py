"""JupyterLab in a browser: a notebook runs to its end, and the widgets of two others do what they say."""

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect
from watched import PICTURES, Heard

from helpers.data import drawn

PATIENCE = 600_000  # milliseconds for the cells of a notebook, on a machine that may be busy
ERRORS = ".jp-Dialog, .Toastify__toast--error"  # what JupyterLab itself shows
# How the program that the browser runs, JupyterLab itself, sees the notebook; cells out of view are not in the page.
CELLS = """() => jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells.map(cell => ({
    id: cell.id, code: cell.cell_type == 'code', source: cell.source, count: cell.execution_count,
    outputs: cell.outputs || [] }))"""
READY = """name => { const shown = window.jupyterapp?.shell.currentWidget;
    return shown?.title.label == name && shown.context?.isReady
        && shown.sessionContext.session?.kernel?.status == 'idle'; }"""
RAN = """index => jupyterapp.shell.currentWidget.content.model.sharedModel.cells[index].execution_count !== null
    && jupyterapp.shell.currentWidget.sessionContext.session.kernel.status == 'idle'"""
SELECT = """index => { const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = index; return notebook.scrollToItem(index, 'start'); }"""


class Notebook:
    """A notebook that is open in JupyterLab."""

    def __init__(self, page: Page, name: str):
        self.page = page
        page.wait_for_function(READY, arg=name, timeout=120_000)
        self.menu("Edit", "Clear Outputs of All Cells")

    def menu(self, name: str, entry: str) -> None:
        """Click an entry of the menu at the top."""
        self.page.locator("#jp-MainMenu").get_by_text(name, exact=True).click()
        self.page.get_by_role("menuitem", name=entry, exact=True).click()

    def cells(self) -> list[dict]:
        return self.page.evaluate(CELLS)

    def wait(self, index: int) -> None:
        """Wait until a cell, and with it all before it, has run."""
        self.page.wait_for_function(RAN, arg=index, timeout=PATIENCE)

    def run_to(self, words: str) -> Locator:
        """Run all up to the first cell that holds these words; give that cell's place in the page."""
        index = next(i for i, cell in enumerate(self.cells()) if cell["code"] and words in cell["source"])
        self.page.evaluate(SELECT, index + 1)
        self.menu("Run", "Run All Above Selected Cell")
        self.wait(index)
        self.page.evaluate(SELECT, index)
        return self.page.locator(f".jp-Cell[data-windowed-list-index='{index}']")

    def errors(self) -> list[str]:
        """What went wrong in the cells, and what JupyterLab shows of errors."""
        outputs = [output for cell in self.cells() for output in cell["outputs"]]
        found = [output["evalue"] for output in outputs if output["output_type"] == "error"]
        found += [output["text"] for output in outputs if output.get("name") == "stderr"]
        return found + self.page.locator(ERRORS).all_inner_texts()


@pytest.fixture
def opened(browser, lab, request):
    """Open a notebook by its name; look at the end for faults, and keep a picture of the page."""
    address, token = lab
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    heard = Heard(context)
    page = context.new_page()

    def open_notebook(name: str) -> Notebook:
        page.goto(f"{address}/lab/tree/notebooks/{name}?reset&token={token}")  # without what was open before
        return Notebook(page, name)

    yield open_notebook
    page.screenshot(path=PICTURES / f"{request.node.name}.png")
    context.close()
    assert not heard.faults


def test_notebook_00_runs_to_its_end(opened):
    notebook = opened("00_start_here.ipynb")
    code = [i for i, cell in enumerate(notebook.cells()) if cell["code"]]
    assert not any(notebook.cells()[i]["outputs"] for i in code)
    notebook.menu("Run", "Run All Cells")
    notebook.wait(code[-1])
    assert notebook.errors() == []
    assert [notebook.cells()[i]["count"] for i in code] == list(range(1, len(code) + 1))
    assert sum("image/png" in o.get("data", {}) for i in code for o in notebook.cells()[i]["outputs"]) >= 3


def test_a_slider_of_notebook_08_changes_the_picture(opened):
    notebook = opened("08_data_augmentation.ipynb")
    cell = notebook.run_to("interactive(")
    rotation = cell.locator(".widget-slider").filter(has_text="rotation")
    picture = cell.locator("img")
    before = picture.get_attribute("src")
    rotation.get_by_role("slider").press("ArrowRight")
    expect(rotation.locator(".widget-readout")).to_have_text("10")
    expect(picture).not_to_have_attribute("src", before)
    assert notebook.errors() == []


def save(pixels, path):
    Image.fromarray(pixels).save(path, compress_level=0)
    return path


def test_the_upload_button_of_notebook_12_takes_small_files_and_large_ones(opened, tmp_path):
    small = save(drawn.draw("cat", "photo", size=160, seed=1), tmp_path / "small.png")
    pixels = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    large = save(pixels, tmp_path / "large.png")
    assert large.stat().st_size > 12e6, "more than Tornado lets through (jupyter_server_config.py)"
    notebook = opened("12_your_own_pictures.ipynb")
    cell = notebook.run_to("FileUpload(")
    before = ""
    for path in (small, large):
        with notebook.page.expect_file_chooser() as chooser:
            cell.get_by_role("button", name="Classify a picture").click()
        chooser.value.set_files(path)
        picture = cell.locator("img")
        expect(picture).not_to_have_attribute("src", before, timeout=60_000)
        before = picture.get_attribute("src")
        expect(cell.locator("table")).to_contain_text("probability")
        notebook.page.screenshot(path=PICTURES / f"upload-{path.stem}.png")
    assert notebook.errors() == []
