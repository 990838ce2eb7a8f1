"""The default sweep in MLflow's own pages: what a user sees without a click, and with few."""

import json
import subprocess
import sys
from urllib.parse import quote

import pytest

from tests.integration.conftest import CommandLine
from tests.integration.test_tracking import clear_environment

NAMES = ("lr=0.01", "lr=0.03", "lr=0.1")


class Pages:
    """MLflow's pages of a sweep, as ``python -m nnrun.ui`` says they are."""

    def __init__(self, sweep, lines):
        self.sweep = sweep
        self.view, self.plain = (line.rpartition(" ")[2].strip() for line in lines)
        self.root = self.view.partition("#")[0]


@pytest.fixture(scope="module")
def pages(browser, tmp_path_factory):
    """Sweep as the README does, and serve it as the last line on the terminal says."""
    nnrun = CommandLine(tmp_path_factory.mktemp("default"))
    nnrun("-m", "lr=0.01,0.03,0.1", "budget=30000")
    command = [sys.executable, "-m", "nnrun.ui", "--no-browser"]
    environment = clear_environment() | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        command, cwd=nnrun.folder, env=environment, stdout=subprocess.PIPE, text=True
    )
    try:
        lines = [process.stdout.readline() for _ in range(2)]
        yield Pages(nnrun.outputs("sweeps")[0], lines)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 143


def drawn(page, text):
    """Charts whose title holds a text, with their lines."""
    card = page.get_by_test_id("experiment-view-compare-runs-card").filter(has_text=text)
    return card.locator("g.scatterlayer path.js-line")


@pytest.mark.slow
def test_the_saved_view_opens_on_the_sweeps_curves(pages, watched):
    page = watched(1600, 1200).page
    page.goto(pages.view)
    for name in NAMES:
        page.get_by_role("link", name=name, exact=True).wait_for(timeout=60_000)
    page.get_by_text("3 matching runs").wait_for()
    drawn(page, "accuracy/q25").nth(8).wait_for(state="attached")
    drawn(page, "success/so_far").nth(2).wait_for(state="attached")
    page.get_by_text("final_test_loss_median").first.wait_for(state="attached")
    heading = page.get_by_test_id("experiment-view-compare-runs-section-header").first
    assert "sweep" in heading.inner_text()


@pytest.mark.slow
def test_the_plain_page_draws_the_same_runs_and_leads_to_the_view(pages, watched):
    page = watched(1600, 1200).page
    page.goto(f"{pages.root}#/experiments/1/runs?compareRunsMode=CHART")
    for name in NAMES:
        page.get_by_role("link", name=name, exact=True).wait_for(timeout=60_000)
    page.get_by_text("4 matching runs").wait_for()
    drawn(page, "accuracy/median").nth(2).wait_for(state="attached")
    # what was found leads to the view, and so does the page's own menu
    verdict = json.loads((pages.sweep / "sweep.json").read_text())["verdict"][0]
    link = page.get_by_role("link", name=verdict)
    link.wait_for()
    assert link.get_attribute("href") == pages.view[len(pages.root) :]
    page.get_by_test_id("saved-views-trigger").click()
    page.get_by_text(f"Sweep {pages.sweep.name}", exact=True).click()
    page.get_by_text("3 matching runs").wait_for()


@pytest.mark.slow
def test_the_settings_are_compared(pages, watched):
    page = watched(1600, 1200).page
    tracking = json.loads((pages.sweep / "sweep.json").read_text())["tracking"]
    runs = quote(json.dumps([*tracking["settings"].values()]))
    page.goto(f"{pages.root}#/compare-runs?runs={runs}&experiments={quote(json.dumps(['1']))}")
    page.get_by_text("Comparing 3 Runs from 1 Experiment").wait_for(timeout=60_000)
    page.locator(".js-plotly-plot").first.wait_for()
    # the metric that it has chosen is one that tells them apart
    page.locator(".js-plotly-plot text", has_text="rmst").first.wait_for()
    for name in NAMES:
        assert page.get_by_text(name, exact=True).count()


@pytest.mark.slow
def test_the_sweeps_run_tells_the_verdict_and_shows_the_report(pages, watched):
    tracking = json.loads((pages.sweep / "sweep.json").read_text())["tracking"]
    page = watched(1600, 1200).page
    page.goto(f"{pages.root}#/experiments/1/runs/{tracking['sweep']}?workflowType=machine_learning")
    note = page.get_by_test_id("note-editor-preview-content")
    note.wait_for(timeout=60_000)
    assert "lr=0.1" in note.inner_text()
    assert "python -m nnrun -m lr=0.01,0.03,0.1" in note.inner_text()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("report.html", exact=True).click()
    frame = page.frame_locator("iframe").first
    frame.locator("h1").wait_for()
    assert frame.locator("h1").inner_text() == "nnrun"
