"""Reading notebooks: plots get the words that their cells have for them, widgets a sentence in their place."""

from html import escape

import nbformat

WIDGET = "application/vnd.jupyter.widget-view+json"


def read(text: str, instead_of_a_widget: str) -> nbformat.NotebookNode:
    """Read a notebook for MyST-NB (`nb_custom_formats`).

    Parameters
    ----------
    text
        The file.
    instead_of_a_widget
        What stands in the place of a widget, which needs a running kernel.
    """
    notebook = nbformat.reads(text, as_version=4)
    for cell in notebook.cells:
        if "alt" in cell.metadata:
            cell.metadata["mystnb"] = {"image": {"alt": cell.metadata["alt"]}}
        for output in cell.get("outputs", []):
            if WIDGET in output.get("data", {}):
                output["data"] = {"text/html": f'<p class="widget">{escape(instead_of_a_widget)}</p>'}
    return notebook
