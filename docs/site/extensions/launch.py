"""Buttons that run a notebook elsewhere; they need the address of the repository."""

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = {"en": "notebooks", "zh": "notebooks_zh"}


def add_buttons(app: Sphinx, page: str, template: str, context: dict, doctree: nodes.document | None) -> None:
    """Add Binder and Colab to the header of a notebook's page.

    Colab has none of the course's packages, so it opens the form of tools/colab.py, which .github/workflows/pages.yml
    keeps on a branch of its own.
    """
    repository = app.config.site_repository.removeprefix("https://github.com/")
    if not repository or not page.startswith("notebooks/"):
        return
    notebook = f"{FOLDERS[app.config.site_edition]}/{Path(page).name}.ipynb"
    addresses = {"Binder": f"https://mybinder.org/v2/gh/{repository}/main?urlpath=lab/tree/{notebook}"}
    addresses["Colab"] = f"https://colab.research.google.com/github/{repository}/blob/colab/{notebook}"
    icons = {"Binder": "_static/images/logo_binder.svg", "Colab": "_static/images/logo_colab.png"}
    buttons = [
        {"type": "link", "text": name, "tooltip": name, "icon": icons[name], "url": url}
        for name, url in addresses.items()
    ]
    group = {"type": "group", "tooltip": "Binder, Colab", "icon": "fas fa-rocket", "label": "launch-buttons"}
    context["header_buttons"].insert(0, group | {"buttons": buttons})


def setup(app: Sphinx) -> dict:
    """Add them after the theme's own buttons."""
    app.connect("html-page-context", add_buttons, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
