"""A browser, JupyterLab as `make lab` starts it, and the site as `make site` builds it (make test-browser)."""

import functools
import os
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, expect, sync_playwright
from watched import PICTURES, ROOT

QUIET = [  # a container has no sandbox and no GPU; the rest keeps Chromium from asking its maker's servers for news
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
STARTS = 90  # seconds that JupyterLab may take to answer


def chromium() -> str:
    """Path of the browser: `CHROMIUM`, or the first one on PATH."""
    names = ("chromium", "chromium-browser", "google-chrome")
    named = os.environ.get("CHROMIUM")
    found = next(filter(None, map(shutil.which, [named] if named else names)), None)
    if not found:
        raise pytest.UsageError(
            f"No browser: CHROMIUM names {named}, which is no program."
            if named
            else f"No browser: none of {', '.join(names)} is on PATH. Install one (Debian: apt install chromium; "
            "Ubuntu, macOS: Google Chrome), or give its path in CHROMIUM."
        )
    return found


def pytest_configure(config):
    """Say at once what is missing, before anything is started."""
    chromium()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    PICTURES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=30_000)  # milliseconds; a machine may be busy
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=QUIET)
        yield browser
        browser.close()


def embedded(folder: Path) -> dict[str, str]:
    """Environment of the Makefile's EMBEDDED, and no setting of the reader's own Jupyter."""
    left_out = {"INCEPTION_V3_WEIGHTS", "TRANSFER_FAST"}
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    (ROOT / "build" / "no-data").mkdir(parents=True, exist_ok=True)
    env |= {"TRANSFER_OFFLINE": "1", "TRANSFER_DATA": "build/no-data", "KERAS_HOME": str(ROOT / "build" / "keras")}
    env |= {"TRANSFER_BUILD": "build/browser/results"}
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    settings = ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    return env | {name: str(folder / name.lower()) for name in names + settings}


def lab_command(port: int, token: str) -> str:
    """What `make lab` runs, with a port and a token of our own and no window."""
    # `make test-browser` runs this: its own flags and level must not reach the inner make.
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    make = ["make", "--dry-run", "lab", f"BIN={Path(sys.executable).parent}"]
    command = subprocess.run(make, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout
    options = [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    options += ["--no-browser", "--expose-app-in-browser"]
    if os.geteuid() == 0:  # in a container; a reader's Jupyter goes on refusing it
        options.append("--allow-root")
    return f"exec env {command.splitlines()[-1]} {shlex.join(options)}"


def wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    """Wait until JupyterLab answers."""
    for _ in range(STARTS * 4):
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.25)
        if process.poll() is not None:
            break
    pytest.fail(f"JupyterLab does not answer within {STARTS} s. The end of {log}:\n{log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """JupyterLab on copies of the notebooks: it saves what it shows. Its address, and its token."""
    folder, token = tmp_path_factory.mktemp("lab"), secrets.token_hex(16)
    shutil.copytree(ROOT / "notebooks", folder / "course" / "notebooks", ignore=shutil.ignore_patterns(".*"))
    settings = folder / "jupyterlab_settings_dir" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    no_question = '{"fetchNews": "false", "checkForUpdates": false}'  # about news: it would cover the page
    (settings / "notification.jupyterlab-settings").write_text(no_question)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    PICTURES.mkdir(parents=True, exist_ok=True)
    log = PICTURES / "jupyter.log"
    with log.open("w") as file:
        command, env = lab_command(port, token), embedded(folder)
        process = subprocess.Popen(command, shell=True, cwd=folder / "course", env=env, stdout=file, stderr=file)
    try:
        wait_for(f"http://127.0.0.1:{port}/api/status?token={token}", process, log)
        yield f"http://127.0.0.1:{port}", token
    finally:
        process.terminate()
        process.wait(30)


class Silent(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """The site on a server of its own; its address."""
    folder = ROOT / "build" / "site"
    if not (folder / "index.html").exists():
        pytest.fail(f"No site in {folder}: make site")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=folder))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
