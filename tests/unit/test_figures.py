from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from nnrun.plot import canvas
from nnrun.plot.figures.contrasts import contrasts, contrasts_height
from nnrun.plot.figures.effects import effects, effects_height
from nnrun.plot.figures.learning_curves import learning_curves
from nnrun.plot.figures.sensitivity import sensitivity
from nnrun.plot.figures.time_to_target import profile, time_to_target
from nnrun.plot.style import INK, LATER, LINE_STYLES, PAPER, SOONER, VAGUE, styles
from nnrun.statistics.curves import bands_of_curves, bands_table
from nnrun.statistics.summary import SHOWN
from tests.unit.sweeps import a_sweep

NAN = float("nan")
NAMES = {"s0": "a", "s1": "b", "s2": "c"}


def an_axis(width=7.2):
    return Figure(figsize=(width, 4)).add_subplot()


def texts(figure):
    """All that a figure says, in no order."""
    figure.draw_without_rendering()
    return [t.get_text() for t in figure.findobj(lambda a: hasattr(a, "get_text"))]


def lines(ax):
    """The lines that show data: neither levels nor swatches."""
    return [line for line in ax.lines if len(line.get_xdata()) > 2]


def test_every_setting_looks_the_same_in_every_figure():
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"])
    line_styles = styles(["s0", "s1", "s2"])
    table = bands_table(bands_of_curves(results.curves))
    drawn = [
        canvas.svg(canvas.paint(draw, 7.0))
        for draw in (
            lambda ax: time_to_target(ax, results.trials, line_styles, NAMES, 1000),
            lambda ax: learning_curves(ax, table, "accuracy", line_styles, NAMES, 0.95),
        )
    ]
    for style in line_styles.values():
        assert all(f"stroke: {style.color}" in svg for svg in drawn)


def test_line_styles_are_all_different_and_limited():
    assert len({s.color for s in LINE_STYLES}) == len(LINE_STYLES)
    assert len({s.dashes for s in LINE_STYLES[1:]}) == len(LINE_STYLES) - 1
    assert len(LINE_STYLES) == SHOWN
    with pytest.raises(ValueError, match="9 received, at most 8"):
        styles([str(i) for i in range(9)])


def test_an_exploding_loss_does_not_flatten_the_others():
    results = a_sweep(["lr=0.1", "lr=9"])
    wild = results.curves["setting"].eq("s1") & (results.curves["samples"] >= 100)
    table = bands_table(
        bands_of_curves(
            results.curves.assign(test_loss=results.curves["test_loss"].where(~wild, 1e200))
        )
    )
    ax = learning_curves(an_axis(), table, "test_loss", styles(["s0", "s1"]), NAMES)
    assert ax.get_ylim()[1] < 10


@pytest.mark.parametrize(("settings", "traced"), [(1, True), (4, True), (5, False)])
def test_single_seeds_are_drawn_where_few_settings_share_the_axis(settings, traced):
    results = a_sweep([f"lr={i}" for i in range(settings)], seeds=23, diverged=1)
    found = bands_of_curves(results.curves)
    labels = {s: s for s in found}
    ax = learning_curves(
        an_axis(), bands_table(found), "test_loss", styles(list(found)), labels, traces=found
    )
    thin = [c for c in ax.collections if type(c) is LineCollection]
    assert len(thin) == (settings if traced else 0)
    assert all(len(c.get_segments()) == 20 for c in thin)
    assert len(lines(ax)) == settings


@pytest.mark.parametrize(("target", "place"), [(1.0, "top"), (0.6, "bottom")])
def test_the_word_target_keeps_clear_of_the_title(target, place):
    results = a_sweep(["lr=0.1"])
    figure = canvas.paint(
        lambda ax: learning_curves(
            ax,
            bands_table(bands_of_curves(results.curves)),
            "accuracy",
            styles(["s0"]),
            NAMES,
            target,
        ),
        7.2,
    )
    ax = figure.axes[0]
    note = next(t for t in ax.texts if t.get_text() == "target")
    assert note.get_va() == place
    assert not note.get_window_extent().overlaps(ax._left_title.get_window_extent())


def test_time_to_target_ends_at_the_rate_and_counts_those_left():
    results = a_sweep(["lr=0.1", "lr=0.3"], arrives=0.8)
    ax = time_to_target(an_axis(), results.trials, styles(["s0", "s1"]), NAMES, 1000)
    assert [line.get_ydata()[-1] for line in lines(ax)] == pytest.approx([0.8, 0.8])
    assert ax.get_xlabel() == "training samples seen (log scale)"
    assert ax.get_xlim() == (75.0, 1000.0)
    # at 100, 200, 500 and 1000 samples, of arms that arrive at 300 and at 150
    said = [t.get_text() for t in ax.texts if t.get_text().isdigit()]
    assert said == ["20", "20", "4", "4", "20", "4", "4", "4"]


def test_where_nobody_arrives_all_lines_stay_at_nothing():
    results = a_sweep(["lr=0.1", "lr=0.3"], arrives=0)
    ax = time_to_target(an_axis(), results.trials, styles(["s0", "s1"]), NAMES, 1000)
    assert all(np.all(line.get_ydata() == 0) for line in lines(ax))
    assert ax.get_xlim() == (10.0, 1000.0)


def test_profile_draws_shares_within_their_band():
    table = pd.DataFrame(
        {
            "setting": ["s0"] * 3 + ["s1"] * 3,
            "samples": [10, 100, 1000] * 2,
            "share": [0.0, 0.2, 0.4, 0.1, 0.5, 0.9],
            "low": [0.0, 0.1, 0.3, 0.0, 0.4, 0.8],
            "high": [0.1, 0.3, 0.5, 0.2, 0.6, 1.0],
        }
    )
    ax = profile(an_axis(), table, styles(["s0", "s1", "s2"]), NAMES)
    assert [list(line.get_ydata()) for line in lines(ax)] == [[0, 0.2, 0.4], [0.1, 0.5, 0.9]]
    assert ax.get_title("left") == "Share of (seed, target) pairs solved"
    only = profile(an_axis(), table, styles(["s0", "s1"]), {}, only=["s1"])
    assert len(lines(only)) == 1
    assert only.get_xlim() == ax.get_xlim()


def a_contrast(name, ratio, verdict, family="setting", against="lr=0.1", **more):
    low, high = more.pop("interval", (ratio * 0.9, ratio * 1.1))
    row = {
        "family": family,
        "key": "",
        "within": "",
        "name_a": name,
        "name_b": against,
        "blocks": 1,
        "margin": 0.1,
    }
    row |= {"pairs": 30, "ratio": ratio, "ratio_low": low, "ratio_high": high}
    return {**row, "verdict": verdict, **more}


CONTRASTS = pd.DataFrame(
    [
        a_contrast("lr=0.3", 0.5, "sooner"),
        a_contrast("lr=1", 2.0, "later"),
        a_contrast("lr=3", 1.01, "unsure"),
        a_contrast("lr=9", 0.9, "few", pairs=5),
        a_contrast("lr=10", NAN, "incomparable"),
        a_contrast("hidden=[4]", 0.7, "sooner", "factor", "hidden=[2]", key="h", blocks=3),
    ]
)


def test_forest_plot_tells_claims_from_the_rest():
    height = contrasts_height(CONTRASTS, 7.2)
    figure = canvas.paint(lambda ax: contrasts(ax, CONTRASTS), 7.2, height)
    ax = figure.axes[0]
    points = [line for line in ax.lines if line.get_marker() in ("o", "s")]
    assert [to_hex(p.get_markerfacecolor()) for p in points] == [
        SOONER,
        LATER,
        PAPER,
        VAGUE,
        SOONER,
    ]
    assert [to_hex(p.get_markeredgecolor()) for p in points][2] == INK
    assert [p.get_xdata()[0] for p in points] == [0.5, 2.0, 1.01, 0.9, 0.7]
    said = texts(figure)
    assert "0.500 (0.450 – 0.550) · 30" in said
    assert "no ratio · 30" in said
    assert "against lr=0.1" in said
    assert "against hidden=[2], over 3 blocks" in said
    assert "sooner" in ax.get_xlabel().split("ratio")[0]
    assert "later" in ax.get_xlabel().split("ratio")[1]
    low, high = ax.get_xlim()
    assert low < 0.45
    assert high > 2.2


@pytest.mark.parametrize("width", [7.2, 4.4])
def test_names_and_numbers_of_a_forest_plot_do_not_overlap(width):
    long = CONTRASTS.assign(name_a="a very long name of a setting, of words without an end " * 2)
    figure = canvas.paint(lambda ax: contrasts(ax, long), width, contrasts_height(long, width))
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts]
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]
    edge = figure.bbox
    assert all(box.x0 >= edge.x0 - 1 and box.x1 <= edge.x1 + 1 for box in boxes)


def a_trend(kind, x, ratio, metric=""):
    values = {
        "x": x,
        "ratio": ratio,
        "low": np.multiply(ratio, 0.8),
        "high": np.multiply(ratio, 1.2),
    }
    return pd.DataFrame({"kind": kind, "setting": "s1", "metric": metric, **values})


def test_sensitivity_puts_harder_targets_to_the_right_and_accuracies_apart():
    table = pd.concat(
        [
            a_trend("target", [0.95, 0.9], [0.5, 0.6], "accuracy"),
            a_trend("target", [1.0, 0.1, 0.01], [1.0, 0.8, 0.7], "test_loss"),
            a_trend("budget", [100, 1000], [0.9, 0.5]),
            a_trend("seeds", [5, 10], [0.6, 0.5]),
        ]
    )
    looks = styles(["s0", "s1"])
    ax = sensitivity(an_axis(), table, "target", looks, NAMES)
    accuracy, loss = (line for line in ax.lines if line.get_marker() == "o")
    assert list(loss.get_ydata()) == [1.0, 0.8, 0.7]
    assert list(loss.get_xdata()) == [0.0, 1.0, 2.0]
    assert list(accuracy.get_ydata()) == [0.6, 0.5]  # .9 before .95
    assert accuracy.get_xdata()[0] > 2.0
    assert ax.get_ylim()[0] < 0.4
    assert [t.get_text() for t in ax.get_xticklabels()][-2:] == [".9", ".95"]
    assert "accuracy at least" in ax.get_xlabel()
    budget = sensitivity(an_axis(), table, "budget", looks, NAMES)
    assert budget.get_xlabel() == "budget, training samples (log scale)"
    assert budget.get_xlim() == (100.0, 1000.0)
    assert sensitivity(an_axis(), table, "seeds", looks, NAMES).get_xlabel() == "seeds in pairs"


@pytest.mark.parametrize("width", [7.2, 4.4, 3.0])
def test_forest_plot_shades_the_ratios_that_count_as_the_same(width):
    for margin, said in ((0.1, "the same within 10%"), (0.5, "the same within 50%")):
        ax = contrasts(an_axis(width), CONTRASTS.iloc[2:3].assign(margin=margin))
        (band,) = ax.patches
        assert [band.get_x(), band.get_x() + band.get_width()] == pytest.approx(
            [1 / (1 + margin), 1 + margin]
        )
        assert ax.get_xlim()[0] < band.get_x() < 1 + margin < ax.get_xlim()[1]
        below = ax.get_xlabel().rpartition("shaded: ")[2]
        assert said in [below, *(text.get_text() for text in ax.texts)]


def test_no_ratio_and_no_loss_lies_beyond_its_axis():
    wild = pd.concat([CONTRASTS, pd.DataFrame([a_contrast("lr=99", 500.0, "later")])])
    assert contrasts(an_axis(), wild.fillna({"within": ""})).get_xlim()[1] > 500
    looks = styles(["s0", "s1"])
    ax = sensitivity(an_axis(), a_trend("seeds", [5, 10], [50.0, 60.0]), "seeds", looks, NAMES)
    assert ax.get_ylim()[1] > 60
    results = a_sweep(["lr=0.1"], seeds=3)
    curves = results.curves.assign(test_loss=0.9 + results.curves["test_loss"] / 10)
    table = bands_table(bands_of_curves(curves))
    ax = learning_curves(an_axis(), table, "test_loss", styles(["s0"]), NAMES)
    assert ax.get_ylim()[0] > 0.89, "a loss that stays high is not drawn from 0"


def test_a_setting_without_a_point_says_so_in_the_legend():
    results = a_sweep(["lr=0.1", "lr=9"])
    lost = results.curves.assign(
        test_loss=results.curves["test_loss"].where(results.curves["setting"] == "s0", NAN)
    )
    table = bands_table(bands_of_curves(lost))
    ax = learning_curves(an_axis(), table, "test_loss", styles(["s0", "s1"]), NAMES)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["a", "b (diverged at once)"]


def test_effects_are_bars_as_long_as_their_share():
    table = pd.DataFrame({"term": ["lr", "$h$", "seed", "rest"], "share": [0.6, 0.1, 0.298, 0.002]})
    figure = canvas.paint(lambda ax: effects(ax, table), 7.2, effects_height(table))
    ax = figure.axes[0]
    assert [bar.get_width() for bar in ax.patches] == [0.6, 0.1, 0.298, 0.002]
    assert [to_hex(bar.get_facecolor()) for bar in ax.patches] == [SOONER, SOONER, VAGUE, VAGUE]
    assert [t.get_text() for t in ax.texts] == ["60%", "10%", "30%", "< 1%"]
    assert "$h$" in canvas.svg(figure)


def test_files_are_the_same_each_time_and_svg_is_short():
    results = a_sweep(["lr=$0.1$", 'd="M 1.23456 2" <b>'])
    labels = dict(zip(["s0", "s1"], results.summary["label"], strict=True))

    def figure():
        looks = styles(["s0", "s1"])
        return canvas.paint(lambda ax: time_to_target(ax, results.trials, looks, labels, 1000), 4.4)

    for write in (canvas.svg, canvas.png, canvas.pdf):
        assert write(figure()) == write(figure())
    svg = canvas.svg(figure())
    assert "lr=$0.1$" in svg
    assert 'd="M 1.23456 2" &lt;b&gt;' in svg  # text keeps its digits
    assert (
        max(len(n.split(".")[1]) for n in svg.split('d="M ')[2].split("L")[0].split() if "." in n)
        < 3
    )
    assert b"+DejaVuSans" in canvas.pdf(figure())  # its letters are inside
    assert b"/CIDFontType2" in canvas.pdf(figure())  # as Type 42: journals refuse Type 3
    assert b"/Type3" not in canvas.pdf(figure())
    assert b"CreationDate" not in canvas.pdf(figure())


def test_letters_of_a_file_are_shapes_and_of_a_page_text(tmp_path):
    results = a_sweep(["lr=0.1"])
    figure = canvas.paint(
        lambda ax: time_to_target(ax, results.trials, styles(["s0"]), NAMES, 1000), 4.4
    )
    assert "<text" in canvas.write_files(figure, tmp_path / "one")
    svg = (tmp_path / "one.svg").read_text()
    assert "<text" not in svg
    assert "scale(0.015625)" in svg  # of letters: it is not cut to hundredths


def test_drawing_changes_no_setting_of_matplotlib():
    from matplotlib import rcParams

    before = dict(rcParams)
    results = a_sweep(["lr=0.1"])
    canvas.paint(lambda ax: time_to_target(ax, results.trials, styles(["s0"]), NAMES, 1000), 4.4)
    assert dict(rcParams) == before


def test_a_regression_without_accuracy_has_its_loss_drawn():
    results = replace(a_sweep(["lr=0.1"], regression=True))
    ax = learning_curves(
        an_axis(), bands_table(bands_of_curves(results.curves)), "test_loss", styles(["s0"]), NAMES
    )
    assert ax.get_title("left") == "Test loss"
    assert len(lines(ax)) == 1
