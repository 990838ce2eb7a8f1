import pytest

from nnrun.plot import canvas
from nnrun.plot.figures import learning_curves, time_to_target
from nnrun.plot.styles import LINE_STYLES, styles
from nnrun.statistics.bands import bands
from nnrun.statistics.summary import SHOWN
from tests.unit.sweeps import a_sweep


def test_every_setting_looks_the_same_in_every_figure():
    results = a_sweep(["lr=0.1", "lr=0.3", "lr=1"])
    line_styles = styles(["s0", "s1", "s2"])
    labels = {"s0": "a", "s1": "b", "s2": "c"}
    table = bands(results.curves)
    drawn = [
        canvas.svg(canvas.paint(draw, 7.0))
        for draw in (
            lambda ax: time_to_target(ax, results.trials, line_styles, labels, 1000),
            lambda ax: learning_curves(ax, table, "accuracy", line_styles, labels, 0.95),
        )
    ]
    for style in line_styles.values():
        assert all(f"stroke: {style.color}" in svg for svg in drawn)


def test_line_styles_are_all_different_and_limited():
    assert len({s.color for s in LINE_STYLES}) == len(LINE_STYLES)
    assert len(LINE_STYLES) == SHOWN
    with pytest.raises(ValueError, match="9 received, at most 8"):
        styles([str(i) for i in range(9)])


def test_an_exploding_loss_does_not_flatten_the_others():
    results = a_sweep(["lr=0.1", "lr=9"])
    wild = results.curves["setting"].eq("s1") & (results.curves["samples"] >= 100)
    table = bands(results.curves.assign(test_loss=results.curves["test_loss"].where(~wild, 1e200)))
    limits = []

    def draw(ax):
        line_styles = styles(["s0", "s1"])
        learning_curves(ax, table, "test_loss", line_styles, {"s0": "a", "s1": "b"})
        limits.extend(ax.get_ylim())
        return ax

    canvas.paint(draw, 5.0)
    assert limits[1] < 10
