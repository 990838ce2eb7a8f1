"""The report in a real browser: sorting, the slider, sizes of screen, and what it never does."""

from dataclasses import replace

import pytest

from nnrun.report.index import write_index
from nnrun.report.page import build
from tests.integration.conftest import CommandLine
from tests.unit.sweeps import a_sweep


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """Page of a small real sweep, with behaviour and everything else."""
    folder = tmp_path_factory.mktemp("sweep")
    words = [
        "-m",
        "features=raw,product",
        "lr=0.03,0.3",
        "seeds=20",
        "budget=20000",
        "tracking=off",
    ]
    nnrun = CommandLine(folder)
    nnrun(*words)
    return nnrun.outputs("sweeps")[0] / "report.html"


@pytest.mark.parametrize("width", [1400, 800, 390])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_no_requests_no_complaints_no_horizontal_scroll(report, watched, width, dark):
    seen = watched(width, dark=dark)
    page = seen.open(report)
    assert page.locator("h1").inner_text() == "nnrun"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert seen.requests == []
    assert seen.complaints == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(18, 22, 27)") is dark


def column(page, table, index):
    rows = page.locator(f"{table} tbody tr:not(.group)")
    return [
        rows.nth(i).locator("th,td").nth(index).get_attribute("data-value")
        for i in range(rows.count())
    ]


def test_a_click_on_a_heading_sorts_and_another_turns_it_round(report, watched):
    page = watched().open(report)
    heading = page.locator("#summary thead th").nth(4)  # restricted mean
    as_written = column(page, "#summary table", 4)
    heading.locator("button").click()
    values = [float(v) for v in column(page, "#summary table", 4)]
    assert values == sorted(map(float, as_written))
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").click()
    assert [float(v) for v in column(page, "#summary table", 4)] == values[::-1]
    assert heading.get_attribute("aria-sort") == "descending"


def test_the_tables_fit_a_large_screen(report, watched):
    page = watched().open(report)
    for name in ("#summary", "#contrasts"):
        over = page.locator(f"{name} .scroll").evaluate("e => e.scrollWidth - e.clientWidth")
        assert over <= 0, name


def test_the_index_sorts_too(report, watched):
    seen = watched()
    page = seen.open(write_index(report.parents[2]))
    outputs = page.locator("tbody tr").first
    assert outputs.locator("a").get_attribute("href").endswith("/report.html")
    row = outputs.evaluate_handle("e => e")
    page.evaluate(
        """row => {
            const other = row.cloneNode(true);
            other.cells[3].dataset.value = "12";
            other.cells[3].textContent = "12";
            row.before(other);
        }""",
        row,
    )
    heading = page.locator("thead th").nth(3)  # settings: 12, 4
    heading.locator("button").click()
    assert column(page, "table", 3) == ["4", "12"]
    assert heading.get_attribute("aria-sort") == "ascending"
    heading.locator("button").press("Enter")
    assert column(page, "table", 3) == ["12", "4"]
    assert (seen.requests, seen.complaints) == ([], [])


def test_a_long_list_of_verdicts_is_folded_and_prints_whole(tmp_path, watched):
    results = a_sweep([f"lr={i}" for i in range(1, 10)], seeds=5)
    page = watched().open(build(results, tmp_path))
    verdicts = page.locator(".first .verdict li")
    seen = [one.is_visible() for one in verdicts.all()]
    assert 0 < seen.count(True) < len(seen)
    page.emulate_media(media="print")
    assert page.locator(".first details").bounding_box()["height"] > 100
    page.emulate_media(media="screen")
    page.locator(".first summary").click()
    assert all(one.is_visible() for one in verdicts.all())


def test_headings_sort_by_the_keyboard_too(report, watched):
    page = watched().open(report)
    page.locator("#summary thead th button").nth(4).focus()
    page.keyboard.press("Enter")
    values = [float(v) for v in column(page, "#summary table", 4)]
    assert values == sorted(values)


def test_what_has_no_value_stays_last_both_ways(tmp_path, watched):
    results = a_sweep(["lr=1", "lr=2", "lr=3"])
    lost = results.trials["setting"].eq("s1")
    trials = results.trials.assign(status=results.trials["status"].where(~lost, "failed"))
    results.trials.update(trials)
    page = watched().open(build(results, tmp_path))
    for _ in range(2):
        page.locator("#summary thead th button").nth(4).click()
        assert column(page, "#summary table", 4)[-1] == ""


def test_the_slider_shows_one_moment_of_every_setting(report, watched):
    page = watched().open(report)
    film = page.locator("#behaviour .film")
    settings = film.locator("tbody tr").count()
    assert settings == 4
    slider, said = film.locator("input[type=range]"), set()
    for moment in range(int(slider.get_attribute("max")) + 1):
        slider.fill(str(moment))
        shown = film.locator("[data-moment]:visible")
        assert shown.count() == settings
        assert {shown.nth(i).get_attribute("data-moment") for i in range(settings)} == {str(moment)}
        said.add(film.locator("output").inner_text())
    assert len(said) == moment + 1
    assert "20,000 samples seen" in said


def test_without_scripts_every_table_figure_and_frame_is_there(report, watched):
    page, other = watched(scripts=False).open(report), watched().open(report)
    assert page.locator("input, button").count() == 0
    assert page.locator("#behaviour [data-moment]:visible").count() > 12
    for what in ("figure", "table", "tbody tr", "figcaption"):
        assert page.locator(what).count() == other.locator(what).count()
    assert page.locator("#summary tbody tr").count() == 4


def test_every_picture_has_a_name_for_those_who_cannot_see_it(report, watched):
    page = watched().open(report)
    for figure in page.locator("figure svg:not([aria-hidden])").all():
        assert figure.get_attribute("role") == "img"
        assert figure.locator("title").first.text_content().strip()
    assert all(image.get_attribute("alt") for image in page.locator("img").all())


def test_links_of_the_contents_lead_to_sections(report, watched):
    page = watched().open(report)
    links = page.locator("nav.contents a")
    assert links.count() >= 8
    for link in links.all():
        assert page.locator(link.get_attribute("href")).count() == 1


def test_injected_markup_and_styles_stay_text(tmp_path, watched):
    evil = (
        "</style></title><script>document.title='owned'</script><img src=x onerror=alert(1)>"
        '<style>body{display:none}</style>{{7*7}} "onload=alert(2) url(http://x.example/y)'
    )
    results = a_sweep(["plain", evil], constant={evil: evil}, command=evil, name=evil)
    results = replace(
        results,
        trials=results.trials.rename(columns={"optimizer.lr": evil}),
        sweep=replace(results.sweep, varying=[evil], telling=[evil]),
    )
    seen = watched()
    seen.page.on("dialog", lambda dialog: pytest.fail("a script of the label ran"))
    page = seen.open(build(results, tmp_path))
    assert page.title().startswith(evil)
    assert page.locator("body").is_visible()
    assert page.locator("img[src=x]").count() == 0
    assert page.locator("h1").inner_text() == evil
    assert seen.requests == []
    assert seen.complaints == []


def test_printing_opens_what_is_folded_and_fits(report, watched, tmp_path):
    page = watched(width=718).open(report)  # A4 less its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    assert page.locator("nav.contents").is_hidden()
    # a button is not painted again where the heads of a table repeat
    display = page.locator("thead button").evaluate_all(
        "a => a.map(b => getComputedStyle(b).display)"
    )
    assert set(display) == {"contents"}
    assert page.locator("#behaviour [data-moment]:visible").count() > 12


@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_a_handout_is_one_sheet_and_a_report_few(report, watched, tmp_path, paper):
    results = a_sweep([f"a_rather_long_name_of_a_key={i} and_another={i}" for i in range(12)])
    build(results, tmp_path, handout=True)
    for path, most in ((tmp_path / "handout.html", 1), (report, 13)):
        sheets = watched().open(path).pdf(format=paper, prefer_css_page_size=False)
        assert 1 <= sheets.count(b"/Type /Page\n") <= most, path.name


def test_methods_are_copied_by_a_click(report, watched):
    page = watched().open(report)
    text = page.locator(".methods").inner_text()
    assert text.startswith("We trained 4 settings")
    page.locator("button.copy").click()
    assert page.evaluate("getSelection().toString()").strip() == text
    assert page.locator("button.copy").inner_text() in ("Copied", "Selected: copy it from here")


SPILLS = """() => [...document.querySelectorAll("h1, h3, p, li, dd, figcaption")]
    .filter(e => e.getClientRects().length && e.scrollWidth > e.clientWidth + 1)
    .map(e => e.textContent)"""


@pytest.mark.parametrize("width", [1400, 390])
def test_long_names_stay_in_their_places(watched, width, tmp_path, undrawn):
    labels = [f"path=/home/someone/projects/2026/data/november/{i * 'x'}/train.csv" for i in (1, 9)]
    page = watched(width).open(build(a_sweep(labels), tmp_path))
    assert page.evaluate(SPILLS) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
