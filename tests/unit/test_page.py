import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from nnrun.plot import canvas
from nnrun.records.sweep import LabelledSetting, Sweep, SweepJob
from nnrun.report.page import build, link_animations
from nnrun.report.tables import incomplete, row_groups
from nnrun.report.verdict import verdict
from nnrun.results.results import in_order
from tests.unit.sweeps import NAN, a_sweep

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"}


class Reader(HTMLParser):
    """Checks that tags close in order, and keeps the text, the tags and the attributes."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.part(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.part(tag)

    def part(self, tag):
        """Part what stands in two elements; a link stands in the middle of a sentence."""
        self.words.append("" if tag == "a" else " ")

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def read(results, folder):
    path = build(results, folder)
    assert path == folder / "report.html"
    html = path.read_text(encoding="utf-8")
    assert re.search(r"\bnan\b|\binf\b", Reader(html).text, re.IGNORECASE) is None
    return html


@pytest.fixture
def vector_only(monkeypatch):
    """Files of figures of which only the SVG is drawn: it is what a page is made of."""
    monkeypatch.setattr(canvas, "png", lambda figure: b"")


@pytest.mark.parametrize(
    ("results", "pictures"),
    [
        # time to target, two curves, profile; with a baseline contrasts and three sensitivities
        (a_sweep(["lr=0.1", "lr=0.3", "lr=1"], diverged=3), 8),
        (a_sweep([""]), 4),
        (a_sweep([f"lr={i}" for i in range(12)], diverged=12), 8),
        (a_sweep(["lr=0.1", "lr=0.3"], regression=True), 7),
        (a_sweep(["lr=0.1", "lr=0.3"], arrives=0), 5),  # no ratio, but easier targets
        (a_sweep(["lr=0.1", "lr=0.3"], seeds=1, arrives=1), 8),
        (a_sweep(["lr=0.1", "lr=0.3"], diverged=20), 4),
    ],
    ids=["three", "single", "twelve", "regression", "none_reached", "one_seed", "all_diverged"],
)
def test_page_holds_its_figures_and_loads_nothing(results, pictures, vector_only, tmp_path):
    html = read(results, tmp_path)
    reader = Reader(html)
    assert re.search(r"https?:", html) is None
    assert not {"iframe", "img", "object", "embed"} & set(reader.tags)
    assert reader.tags.count("script") == 1
    assert "content=\"default-src 'none'; img-src data:;" in html
    loads = [v for k, v in reader.attributes if k in ("src", "href", "srcset", "data")]
    assert all(v.startswith(("#", "data:,")) for v in loads)
    assert "@import" not in html
    assert all(u.startswith("#") for u in re.findall(r"url\(([^)]*)\)", html))
    ids = [v for k, v in reader.attributes if k == "id"]
    assert len(ids) == len(set(ids))
    assert {v[1:] for v in loads if v.startswith("#")} <= set(ids)
    assert set(re.findall(r"url\(#([^)]*)\)", html)) <= set(ids)
    tables = sum(reader.attributes.count(("id", name)) for name in ("summary", "end"))
    tables += html.count('table class="sortable contrasts"')
    assert reader.tags.count("figcaption") == pictures + tables
    files = [p.suffix for p in (tmp_path / "figures").iterdir()]
    assert [files.count(kind) for kind in (".svg", ".png", ".pdf")] == [pictures, pictures, 0]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures", "report.html", "report.md"]


def test_same_results_give_the_same_bytes_whatever_the_order_of_their_rows(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"], diverged=2)
    mixed = replace(
        results,
        trials=in_order(results.trials.sample(frac=1, random_state=1), results.sweep),
        known={"curves": results.curves.sample(frac=1, random_state=1)},
    )
    for name, found in (("one", results), ("two", mixed)):
        build(found, tmp_path / name)
    one, two = (sorted(p for p in (tmp_path / n).rglob("*.*")) for n in ("one", "two"))
    assert len(one) == 2 + 2 * 8
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_markup_in_a_label_stays_text(vector_only, tmp_path):
    evil = "<script>alert(1)</script>--><img src=x onerror=alert(2)>$x_1$ #0072b2 &amp;"
    failed = {"setting": "x", "label": evil, "overrides": [], "status": "failed", "error": evil}
    results = a_sweep(["_plain", evil], jobs=[failed], constant={evil: evil}, command=evil)
    html = read(results, tmp_path)
    reader = Reader(html)
    assert "img" not in reader.tags
    assert reader.tags.count("script") == 1  # the page's own
    assert not [k for k, _ in reader.attributes if k.startswith("on")]
    assert reader.text.count(evil) >= 5  # verdict, table, failure, its message, provenance
    assert "$x_1$" in (tmp_path / "figures" / "time_to_target.svg").read_text(encoding="utf-8")


def test_label_in_letters_without_a_glyph_is_drawn(vector_only, tmp_path):
    html = read(a_sweep(["入力=x", "入力=x·y\n2"]), tmp_path)
    assert "入力=x·y" in html


def test_failed_and_missing_settings_are_named(undrawn, tmp_path):
    failed = {"setting": "s7", "label": "optimizer=adamm", "overrides": [], "status": "failed"}
    results = a_sweep(["lr=0.1", "lr=0.3"], jobs=[{**failed, "error": "no such optimizer"}])
    settings = [*results.sweep.settings, LabelledSetting("s9", "lr=9", {})]
    jobs = [*results.sweep.jobs, SweepJob(4, ["lr=5", "seeds=20"], "s8")]
    results = replace(results, sweep=replace(results.sweep, settings=settings, jobs=jobs))
    text = Reader(read(results, tmp_path)).text
    assert "optimizer=adamm no such optimizer" in text
    assert "No trials and no error were recorded for: lr=5 seeds=20; lr=9." in text


def test_page_of_a_sweep_in_which_all_failed(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    errors = results.trials.assign(status="failed", samples_to_target=NAN, budget=NAN)
    both = replace(results, trials=errors, known={"curves": results.curves.iloc[:0]})
    assert "20 seeds failed with an error" in Reader(read(both, tmp_path / "a")).text
    none = replace(both, trials=errors.iloc[:0])
    assert "No setting was trained." in Reader(read(none, tmp_path / "b")).text


def test_with_many_settings_the_captions_say_which_are_shown(undrawn, tmp_path):
    results = a_sweep([f"lr={i}" for i in range(12)])
    html = read(results, tmp_path)
    assert html.count("Shown are 7 of 12 settings: the first, the best 4") >= 3
    assert "5 more settings are in the table." in verdict(results)
    assert Reader(html).tags.count("tr") == 1 + 12 + 1 + 11 + 1 + 7 + 1  # three heads, a constant


def test_of_many_settings_the_table_holds_the_two_ends_and_says_where_the_rest_is(
    undrawn, tmp_path
):
    results = a_sweep([f"lr={i}" for i in range(230)], seeds=2, arrives=1)
    trials = results.trials
    lost = trials["setting"].eq("s5")
    budget = trials["budget"].where(~lost)
    status = trials["status"].where(~lost, "failed")
    results = replace(results, trials=trials.assign(status=status, budget=budget))
    found = results
    groups = row_groups(found.summary, {"s0", "s100"})
    names = [[row["setting"] for row in group.rows] for group in groups]
    assert names[0] == ["s0"]
    # setting i arrives after 300 / (i + 1) samples: the later ones are sooner
    assert names[1] == [f"s{i}" for i in range(229, 179, -1)]
    assert names[2] == ["s100"]
    assert names[3] == ["s11", "s10", "s9", "s8", "s7", "s6", "s4", "s3", "s2", "s1"]
    html = read(results, tmp_path)
    reader = Reader(html)
    assert "The 50 soonest, by restricted mean" in reader.text
    assert (
        "168 of 230 settings are not listed here (1 of them without a trained seed); all are in "
        "summary.csv beside this page."
    ) in reader.text
    assert "223 more settings are in summary.csv, the soonest and the latest also" in reader.text


def test_without_its_baseline_a_long_table_names_none():
    results = a_sweep([f"lr={i}" for i in range(230)], seeds=1)
    trials = results.trials
    lost = trials["setting"].eq("s0")
    changed = trials.assign(status=trials["status"].where(~lost, "failed"))
    found = replace(results, trials=changed)
    titles = [group.title for group in row_groups(found.summary, [])]
    assert titles == ["The 50 soonest, by restricted mean", "The 10 latest, by restricted mean"]


def a_job(number, status, error=None):
    about = {"number": number, "setting": f"j{number}", "label": f"job={number}", "overrides": []}
    return {**about, "status": status, "error": error, "log": f"{number}/__main__.log"}


def test_notes_stand_in_both_reports_before_what_was_found(undrawn, tmp_path):
    notes = ["Judged against another target.", "Job 1 of *two* is left out."]
    build(a_sweep(["lr=0.1", "lr=0.3"], notes=notes[:1], clashes=notes[1:]), tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "> Judged against another target.\n\n> Job 1 of \\*two\\* is left out.\n\n- **" in text
    html = Reader((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert html.index(notes[0]) < html.index(notes[1]) < html.index("What was found")


def test_the_budget_that_counts_is_told_and_where_all_were_judged(undrawn, tmp_path):
    shared = {"samples": list(range(10, 1001, 90)), "apart": 0.01, "one_in": 3.0}
    results = a_sweep(["budget=1000", "budget=5000"], common_grid=shared, budget=5000)
    longer = results.trials.assign(budget=5000, horizon=1000)
    build(replace(results, trials=longer), tmp_path)
    html = Reader((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "accuracy ≥ 0.95 common budget, in samples 1,000 " in html
    note = "at the 12 that they share, up to 1,000 of 5,000 samples, where a target"
    assert html.index("What was found") < html.index(note) < html.index(" Limits ")
    assert note in (tmp_path / "report.md").read_text(encoding="utf-8")
    build(a_sweep(["lr=0.1", "lr=0.3"], budget=1000), tmp_path)
    html = Reader((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "accuracy ≥ 0.95 budget, in samples 1,000 " in html


def test_page_of_an_interrupted_sweep_says_what_is_in_it(undrawn, tmp_path):
    jobs = [a_job(0, "complete"), a_job(1, "failed", "boom")]
    jobs += [{**a_job(n, "missing"), "overrides": [f"lr={n}"]} for n in (2, 3, 4)]
    results = a_sweep(["lr=0.1", "lr=0.3"], jobs=jobs, status="interrupted")
    gap = (
        "1 of 5 settings are complete and in this report; 1 ended with an error; 3 left no "
        "record. The same command goes on where it stopped."
    )
    text = Reader(read(results, tmp_path)).text
    assert f"Interrupted. {gap} {results.sweep.command}" in text
    assert verdict(results)[1] == f"Interrupted: {gap}"


@pytest.mark.parametrize(
    ("status", "heading"), [("failed", "With errors"), ("missing", "Incomplete")]
)
def test_page_of_a_sweep_with_gaps_links_to_them(status, heading, undrawn, tmp_path):
    jobs = [a_job(0, "complete"), a_job(1, status, "boom" if status == "failed" else None)]
    html = read(a_sweep(["lr=0.1", "lr=0.3"], jobs=jobs, status=status), tmp_path)
    assert f"{heading}. 1 of 2 settings are complete and in this report; 1" in Reader(html).text
    assert 'href="#gaps"' in html


def test_a_complete_sweep_has_no_gap(undrawn, tmp_path):
    html = read(a_sweep(["lr=0.1"], jobs=[a_job(0, "complete")], status="complete"), tmp_path)
    assert "are complete and in this report" not in html


def test_a_setting_is_complete_when_all_its_jobs_are():
    jobs = [a_job(0, "complete"), a_job(0, "failed", "boom"), a_job(1, "complete")]
    jobs = [SweepJob(**{key: job[key] for key in job if key != "log"}) for job in jobs]
    heading, text = incomplete(Sweep("failed", jobs=jobs))
    assert (heading, text) == (
        "With errors",
        "1 of 2 settings are complete and in this report; 1 ended with an error.",
    )


def test_failures_are_listed_by_their_last_line_and_cut(undrawn, tmp_path):
    jobs = [a_job(n, "failed", f"Traceback:\n  line\nValueError: bad {n}\n") for n in range(33)]
    results = a_sweep(["lr=0.1", "lr=0.3"], jobs=jobs, status="failed")
    text = Reader(read(results, tmp_path)).text
    assert "job=0 ValueError: bad 0 log: 0/__main__.log traceback Traceback: line" in text
    assert "job=19 ValueError" in text
    assert "job=20 " not in text
    assert "And 13 more failed; sweep.json beside this page lists all of them." in text


def test_training_cost_changes_nothing_but_its_own_column(undrawn, tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    slow = replace(results, trials=results.trials.assign(ns_per_sample=77.0))
    a, b = read(results, tmp_path / "a"), read(slow, tmp_path / "b")
    assert a != b
    assert a.replace('<td data-value="12.5">12.5</td>', '<td data-value="77.0">77.0</td>') == b


def test_a_page_links_to_what_stands_beside_it(undrawn, tmp_path):
    page = build(a_sweep(["lr=0.1", "a<b>"]), tmp_path, study="my study.md")
    assert '<a href="my%20study.md">my study.md</a>' in page.read_text(encoding="utf-8")
    before = page.read_bytes()
    link_animations(page, [])
    assert page.read_bytes() == before
    link_animations(page, [("0/animation.html", "lr=0.1"), ("1/a b.html", "a<b>")])
    html = page.read_text(encoding="utf-8")
    assert '<a href="0/animation.html">lr=0.1</a>, <a href="1/a%20b.html">a&lt;b&gt;</a>.' in html


def test_a_handout_has_the_claims_the_rows_of_the_figure_and_the_methods(undrawn, tmp_path):
    build(a_sweep([f"lr={i}" for i in range(12)]), tmp_path, handout=True)
    reader = Reader((tmp_path / "handout.html").read_text(encoding="utf-8"))
    assert "script" not in reader.tags
    assert reader.tags.count("li") == 4
    assert reader.tags.count("tr") == 1 + 5
    assert "3 more findings are in report.html." in reader.text
    assert "We trained 12 settings" in reader.text
    assert not [v for k, v in reader.attributes if k == "href" and not v.startswith("data:,")]
    build(a_sweep(["lr=1", "lr=2"]), tmp_path)  # other numbers: the old sheet goes
    assert not (tmp_path / "handout.html").exists()
