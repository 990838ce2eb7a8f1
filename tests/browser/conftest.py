"""A headless Chromium that reports what it asks for and what it complains of."""

import shutil
from pathlib import Path

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)


class Watched:
    """A page in the browser, with everything that it asked the network for or complained of.

    Attributes:
        page: Playwright's page.
        complaints: Errors and warnings of its console, and exceptions of its scripts.
        requests: Addresses that it asked for, besides the page itself.
    """

    def __init__(self, page):
        self.page, self.complaints, self.requests = page, [], []
        page.on("console", lambda m: self.complaints.append(m.text) if m.type != "log" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def open(self, path: Path):
        url = path.resolve().as_uri()
        self.page.goto(url)
        self.requests = [r for r in self.requests if r != url and not r.startswith("data:")]
        return self.page


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: install the package chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        launched = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def watched(browser):
    """Open pages of a width, scheme and with scripts or without; all are closed at the end."""
    contexts = []

    def new(width=1400, height=900, dark=False, scripts=True):
        scheme = "dark" if dark else "light"
        size = {"width": width, "height": height}
        context = browser.new_context(
            viewport=size, color_scheme=scheme, java_script_enabled=scripts
        )
        contexts.append(context)
        return Watched(context.new_page())

    yield new
    for context in contexts:
        context.close()
