import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from nnrun.report.page import build
from nnrun.report.verdict import verdict
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
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def read(results, folder):
    path = build(results, folder)
    assert path == folder / "report.html"
    html = path.read_text(encoding="utf-8")
    assert re.search(r"\bnan\b|\binf\b", Reader(html).text, re.IGNORECASE) is None
    return html


@pytest.mark.parametrize(
    ("results", "pictures"),
    [
        (a_sweep(["lr=0.1", "lr=0.3", "lr=1"], diverged=3), 3),
        (a_sweep([""]), 3),
        (a_sweep([f"lr={i}" for i in range(12)], diverged=12), 3),
        (a_sweep(["lr=0.1", "lr=0.3"], regression=True), 2),
        (a_sweep(["lr=0.1", "lr=0.3"], arrives=0), 3),
        (a_sweep(["lr=0.1", "lr=0.3"], seeds=1, arrives=1), 3),
        (a_sweep(["lr=0.1", "lr=0.3"], diverged=20), 3),
    ],
    ids=["three", "single", "twelve", "regression", "none_reached", "one_seed", "all_diverged"],
)
def test_page_holds_its_figures_and_loads_nothing(results, pictures, tmp_path):
    html = read(results, tmp_path)
    reader = Reader(html)
    assert "http" not in html
    assert not {"script", "iframe", "img", "object", "embed"} & set(reader.tags)
    loads = [v for k, v in reader.attributes if k in ("src", "href", "srcset", "data")]
    assert all(v.startswith(("#", "data:,")) for v in loads)
    assert "@import" not in html
    assert all(u.startswith("#") for u in re.findall(r"url\(([^)]*)\)", html))
    ids = [v for k, v in reader.attributes if k == "id"]
    assert len(ids) == len(set(ids))
    assert {v[1:] for v in loads if v.startswith("#")} <= set(ids)
    assert set(re.findall(r"url\(#([^)]*)\)", html)) <= set(ids)
    assert reader.tags.count("figcaption") == pictures + 1  # and the table's
    files = sorted(p.name for p in (tmp_path / "figures").iterdir())
    assert len(files) == 2 * pictures
    assert sorted(p.name for p in tmp_path.iterdir()) == ["figures", "report.html"]


def test_same_results_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        build(a_sweep(["lr=0.1", "lr=0.3"], diverged=2), tmp_path / name)
    one, two = (sorted(p for p in (tmp_path / n).rglob("*.*")) for n in ("one", "two"))
    assert len(one) == 7
    assert [p.read_bytes() for p in one] == [p.read_bytes() for p in two]


def test_page_does_not_depend_on_the_order_of_the_rows(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"], diverged=2)
    mixed = replace(
        results,
        trials=results.trials.sample(frac=1, random_state=1),
        curves=results.curves.sample(frac=1, random_state=1),
    )
    a, b = read(results, tmp_path / "a"), read(mixed, tmp_path / "b")
    assert a == b


def test_markup_in_a_label_stays_text(tmp_path):
    evil = "<script>alert(1)</script>--><img src=x onerror=alert(2)>$x_1$ #0072b2 &amp;"
    failed = {"setting": "x", "label": evil, "overrides": [], "status": "failed", "error": evil}
    results = a_sweep(["_plain", evil], jobs=[failed], constant={evil: evil}, command=evil)
    html = read(results, tmp_path)
    reader = Reader(html)
    assert not {"script", "img"} & set(reader.tags)
    assert not [k for k, _ in reader.attributes if k.startswith("on")]
    assert reader.text.count(evil) >= 5  # verdict, table, failure, its message, provenance
    assert "$x_1$" in (tmp_path / "figures" / "time_to_target.svg").read_text(encoding="utf-8")


def test_label_in_letters_without_a_glyph_is_drawn(tmp_path):
    html = read(a_sweep(["入力=x", "入力=x·y\n2"]), tmp_path)
    assert "入力=x·y" in html


def test_failed_and_missing_settings_are_named(tmp_path):
    failed = {"setting": "s7", "label": "optimizer=adamm", "overrides": [], "status": "failed"}
    results = a_sweep(["lr=0.1", "lr=0.3"], jobs=[{**failed, "error": "no such optimizer"}])
    absent = {"id": "s9", "label": "lr=9", "config": {}}
    results.sweep["settings"].append(absent)
    lost = {"number": 4, "overrides": ["lr=5", "seeds=20"], "status": "missing"}
    results.sweep["jobs"].append(lost)
    text = Reader(read(results, tmp_path)).text
    assert "optimizer=adamm no such optimizer" in text
    assert "No trials and no error were recorded for: lr=5 seeds=20; lr=9." in text


def test_page_of_a_sweep_in_which_all_failed(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    errors = results.trials.assign(status="failed", samples_to_target=NAN, budget=NAN)
    both = replace(results, trials=errors, curves=results.curves.iloc[:0])
    assert "20 seeds failed with an error" in Reader(read(both, tmp_path / "a")).text
    none = replace(both, trials=errors.iloc[:0])
    assert "No setting was trained." in Reader(read(none, tmp_path / "b")).text


def test_with_many_settings_the_captions_say_which_are_shown(tmp_path):
    results = a_sweep([f"lr={i}" for i in range(12)])
    html = read(results, tmp_path)
    assert html.count("Shown are 7 of 12 settings: the baseline, the best 4") >= 3
    assert "5 more settings are in the table." in verdict(results)
    assert Reader(html).tags.count("tr") == 1 + 12 + 1  # head, settings, one constant key
