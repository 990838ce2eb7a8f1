import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from nnrun.report import captions, figures, page, statistics
from nnrun.results import Results

NAN = float("nan")
GRID = np.array([10, 30, 100, 300, 1000])
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "wbr"}


def a_sweep(labels, seeds=20, arrives=0.8, diverged=0, regression=False, **sweep):
    """A sweep whose settings arrive ever sooner; a share ``arrives`` of the seeds does at all."""
    trials, curves = [], []
    for i, label in enumerate(labels):
        for seed in range(seeds):
            lost = seed < diverged
            reached = not lost and seed >= seeds - round(arrives * seeds)
            loss = 0.25 / (1 + GRID / 100 * (i + 1) * (1 + seed / seeds))
            loss = np.where(lost & (GRID >= 100), NAN, loss)
            accuracy = np.full(len(GRID), NAN) if regression else 1 - 2 * loss
            status = "diverged" if lost else "reached" if reached else "exhausted"
            trials.append(
                {
                    "setting": f"s{i}",
                    "label": label,
                    "optimizer.lr": float(i),
                    "seed": seed,
                    "status": status,
                    "plateaued": False,
                    "samples_to_target": 300.0 / (i + 1) if reached else NAN,
                    "first_hit": NAN,
                    "budget": 1000,
                    "final_train_loss": loss[-1],
                    "final_test_loss": loss[-1],
                    "final_accuracy": accuracy[-1],
                    "ns_per_sample": 12.5,
                }
            )
            point = {"setting": f"s{i}", "seed": seed, "samples": GRID, "train_loss": loss}
            curves.append(pd.DataFrame({**point, "test_loss": loss, "accuracy": accuracy}))
    varying = ["optimizer.lr"] if len(labels) > 1 else []
    table = pd.DataFrame(trials)
    about = {
        "name": "learning_rates",
        "command": "python -m nnrun -m optimizer.lr=0.1,0.3",
        "overrides": [],
        "started": "2025-03-04T09:21:33+00:00",
        "versions": {"nnrun": "0.1.0"},
        "git": None,
        "processor": "a processor",
        "jobs": [],
        "settings": [{"id": f"s{i}", "label": x, "config": {}} for i, x in enumerate(labels)],
        "varying": varying,
        "constant": {"batch_size": 1},
        "budget": 1000,
        "target": {"metric": "accuracy", "value": 0.95, "hold": 3},
        "stages": {"train": 1.5},
        "stacks": [],
        "tracking": None,
        **sweep,
    }
    summary = statistics.summarise(table, varying)
    return Results(table, pd.concat(curves, ignore_index=True), summary, about)


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
    path = page.build(results, folder)
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
        page.build(a_sweep(["lr=0.1", "lr=0.3"], diverged=2), tmp_path / name)
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


def test_verdict_says_what_was_found_and_that_nothing_was_tested():
    assert page.verdict(a_sweep(["lr=0.1", "lr=0.3"], diverged=2)) == [
        "lr=0.1 (baseline): 16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; "
        "median 300 samples. 2 diverged.",
        # 16 seeds at 150 and 4 at 1,000 are 320 on average; the baseline's are 440.
        "lr=0.3: 16 of 20 seeds reached accuracy ≥ 0.95 within 1,000 samples; median 150 samples. "
        "2 diverged. Mean time restricted to 1,000 samples: 320, 0.727 times the baseline's.",
        "These are descriptions: this first report makes no statistical test.",
    ]


def test_verdict_on_few_seeds_and_none_there():
    lines = page.verdict(a_sweep(["", ""], seeds=2, arrives=0))
    assert lines[1] == (
        "This setting: 0 of 2 seeds reached accuracy ≥ 0.95 within 1,000 samples; "
        "no time to report."
    )
    assert lines[2] == "The settings have 2 seeds each: fewer than 20, too few for a verdict."
    assert lines[3] == "No seed reached the target, so no times are compared."


def test_verdict_compares_only_with_the_first_setting_of_the_sweep():
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"])
    rest = replace(results, trials=results.trials[results.trials["setting"] != "s0"])
    text = " ".join(page.verdict(rest))
    assert "baseline's" not in text
    assert "(baseline)" not in text
    assert "The baseline was not trained" in text


def test_verdict_does_not_compare_times_to_different_targets():
    results = a_sweep(["target=0.9", "target=0.95"], target={"metric": "accuracy", "value": 0.9})
    for setting, value in zip(results.sweep["settings"], (0.9, 0.95), strict=True):
        setting["config"] = {"target.metric": "accuracy", "target.value": value, "target.hold": 3}
    lines = page.verdict(results)
    assert "accuracy ≥ 0.9 within" in lines[0]
    assert "accuracy ≥ 0.95 within" in lines[1]
    assert "baseline's" not in " ".join(lines)
    assert "different targets" in lines[2]


def test_with_many_settings_the_captions_say_which_are_shown(tmp_path):
    results = a_sweep([f"lr={i}" for i in range(12)])
    html = read(results, tmp_path)
    assert html.count("Shown are 7 of 12 settings: the baseline, the best 4") >= 3
    assert "5 more settings are in the table." in page.verdict(results)
    assert Reader(html).tags.count("tr") == 1 + 12 + 1  # head, settings, one constant key


def test_captions_name_n_method_budget_and_units(tmp_path):
    results = a_sweep(["lr=0.1", "lr=0.3"])
    time = captions.time_caption(results.trials, ["s0", "s1"], results.sweep)
    for words in ("n = 20 seeds", "Greenwood", "budget 1,000 samples", "equals the empirical"):
        assert words in time
    other = results.trials.assign(budget=np.where(results.trials["setting"] == "s0", 1000, 5000))
    assert "common budget of 1,000" in captions.time_caption(other, ["s0", "s1"], results.sweep)
    curve = captions.curve_caption(statistics.bands(results.curves), "test_loss", ["s0", "s1"])
    assert "interquartile range" in curve
    assert "A line ends" not in curve
    assert "Wilson 95%" in captions.summary_caption(results.summary, 1000)


def test_every_setting_looks_the_same_in_every_figure():
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"])
    line_styles = figures.styles(["s0", "s1", "s2"])
    labels = {"s0": "a", "s1": "b", "s2": "c"}
    bands = statistics.bands(results.curves)
    drawn = [
        figures.svg(figures.paint(draw, 7.0))
        for draw in (
            lambda ax: figures.time_to_target(ax, results.trials, line_styles, labels, 1000),
            lambda ax: figures.learning_curves(ax, bands, "accuracy", line_styles, labels, 0.95),
        )
    ]
    for style in line_styles.values():
        assert all(f"stroke: {style.color}" in svg for svg in drawn)


def test_line_styles_are_all_different_and_limited():
    assert len({s.color for s in figures.LINE_STYLES}) == len(figures.LINE_STYLES)
    assert len(figures.LINE_STYLES) == statistics.SHOWN
    with pytest.raises(ValueError, match="9 received, at most 8"):
        figures.styles([str(i) for i in range(9)])


def test_an_exploding_loss_does_not_flatten_the_others():
    results = a_sweep(["lr=0.1", "lr=9"])
    wild = results.curves["setting"].eq("s1") & (results.curves["samples"] >= 100)
    bands = statistics.bands(
        results.curves.assign(test_loss=results.curves["test_loss"].where(~wild, 1e200))
    )
    limits = []

    def draw(ax):
        line_styles = figures.styles(["s0", "s1"])
        figures.learning_curves(ax, bands, "test_loss", line_styles, {"s0": "a", "s1": "b"})
        limits.extend(ax.get_ylim())
        return ax

    figures.paint(draw, 5.0)
    assert limits[1] < 10
