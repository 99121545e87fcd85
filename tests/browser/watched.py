"""What a page in the browser asked for and complained about, and where its pictures go."""

from pathlib import Path

from playwright.sync_api import BrowserContext

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "build" / "browser"


class Heard:
    """What a page asked for and complained about."""

    def __init__(self, context: BrowserContext):
        self.requests, self.faults = [], []
        context.on("request", lambda request: self.requests.append(request.url))
        context.on("requestfailed", self._failure)
        context.on("response", self._answer)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))

    def _failure(self, request):
        if request.failure != "net::ERR_ABORTED":  # given up by the browser, as it left the page
            self.faults.append(f"failed: {request.url} {request.failure}")

    def _answer(self, response):
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def _console(self, message):
        if message.type == "error":
            self.faults.append(f"console: {message.text}")
