from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from nnrun.errors import InputError
from nnrun.plot import canvas
from nnrun.plot.colours import ink_on
from nnrun.plot.figures.coordinates import coordinate, coordinates
from nnrun.plot.figures.heatmap import grid, heatmap, panels_key
from nnrun.plot.figures.time_to_target import time_to_target
from nnrun.plot.layout import layout, legend_below
from nnrun.plot.style import ON_DARK, ON_LIGHT
from nnrun.statistics.factors import levels
from nnrun.statistics.survival import common_budget, trained
from tests.unit.grids import a_grid

HIDDEN, RATES = [[2], [2, 1], [4]], [0.01, 0.03, 0.1, 0.3]


@pytest.fixture(scope="module")
def twelve():
    """Three networks by four rates, of which one is not there and one never arrives."""
    return a_grid({"network.hidden": HIDDEN, "lr": RATES}, leave_out=(5,), never=(6,))


def painted(draw, **how):
    figure = canvas.paint(draw, 7.2, **how)
    figure.draw_without_rendering()
    return figure.axes


def test_up_to_eight_settings_share_a_panel():
    found = a_grid({"lr": [0.1, 0.2], "network.hidden": [[1], [2], [3], [4]]}, seeds=2)
    lay = layout(found.summary, found.sweep)
    assert list(lay.panels) == [""]
    assert lay.key is None
    assert len({(s.color, s.dashes) for s in lay.line_styles.values()}) == 8
    assert lay.labels["s0"] == "lr=0.1 hidden=[1]"


def test_two_factors_have_colours_and_dashes_and_a_legend_that_says_so():
    found = a_grid({"network.hidden": [[2], [4]], "lr": [0.1, 0.2, 0.3]}, seeds=2)
    lay = layout(found.summary, found.sweep)
    table = levels(found.sweep)
    for one, two in combinations(lay.line_styles, 2):
        a, b = lay.line_styles[one], lay.line_styles[two]
        assert (a.color == b.color) == (table["lr"][one] == table["lr"][two])
        assert (a.dashes == b.dashes) == (
            table["network.hidden"][one] == table["network.hidden"][two]
        )
    ran = trained(found.trials)
    ax = painted(lambda ax: time_to_target(ax, ran, lay.line_styles, lay.labels, 1e5))[0]
    legend = ax.get_legend()
    assert legend.get_title().get_text() == "colour: lr · line: hidden"
    said = [text.get_text() for text in legend.get_texts()]
    assert sorted(filter(None, said)) == ["0.1", "0.2", "0.3", "[2]", "[4]"]
    # of three factors, one of which makes panels, the others do
    three = a_grid(
        {"network.hidden": [[2], [4]], "lr": [0.1, 0.2], "batch_size": [1, 2, 4]}, seeds=1
    )
    lay = layout(three.summary, three.sweep, "batch_size")
    assert list(lay.legend) == ["hidden=[2]", "hidden=[4]", "lr=0.1", "lr=0.2"]


def test_more_are_faceted_by_the_factor_with_the_fewest_panels(twelve):
    lay = layout(twelve.summary, twelve.sweep)
    assert lay.key == "network.hidden"
    assert {t: len(p) for t, p in lay.panels.items()} == {
        "hidden=[2]": 4,
        "hidden=[2,1]": 3,
        "hidden=[4]": 4,
    }
    assert list(lay.legend) == ["lr=0.01", "lr=0.03", "lr=0.1", "lr=0.3"]
    rates = levels(twelve.sweep)["lr"]
    for setting, style in lay.line_styles.items():  # a rate looks alike in all panels
        assert style == lay.legend[f"lr={rates[setting]}"]


def test_a_facet_can_be_asked_for(twelve):
    for name in ("lr", "hidden", "network.hidden"):
        lay = layout(twelve.summary, twelve.sweep, name)
        assert lay.key == ("lr" if name == "lr" else "network.hidden")
    with pytest.raises(InputError, match=r"facet=hiden: is not a key that varies.*'hidden'"):
        layout(twelve.summary, twelve.sweep, "hiden")
    alone = layout(twelve.summary, replace(twelve.sweep, tuned=["lr"]), None)
    assert alone.left_out == 4  # a tuned rate is no factor, and hidden alone tells nothing apart


def test_three_hundred_settings_are_never_three_hundred_lines():
    found = a_grid({"lr": list(np.geomspace(0.001, 1, 20)), "seed.x": list(range(15))}, seeds=1)
    lay = layout(found.summary, found.sweep)
    assert len(lay.line_styles) == 7
    assert lay.left_out == 293
    with pytest.raises(InputError, match="leaves more than 8 lines to a panel"):
        layout(found.summary, found.sweep, "lr")
    axes = painted(lambda ax: coordinates(ax, found.summary, found.sweep))
    assert sum(len(c.get_segments()) for c in axes[0].collections) == 300


def test_panels_have_one_legend_one_heading_and_equal_limits(twelve):
    lay, ran = layout(twelve.summary, twelve.sweep), trained(twelve.trials)
    figure = canvas.paint_panels(
        lambda ax, title: time_to_target(
            ax, ran, lay.line_styles, {}, common_budget(ran), lay.panels[title]
        ),
        list(lay.panels),
        7.2,
        finish=lambda figure, axes: legend_below(figure, lay),
    )
    assert [ax.get_title("left") for ax in figure.axes] == list(lay.panels)
    assert len({(ax.get_xlim(), ax.get_ylim()) for ax in figure.axes}) == 1
    assert [ax.get_legend() for ax in figure.axes] == [None] * 3
    assert [t.get_text() for t in figure.legends[0].get_texts()] == list(lay.legend)
    assert figure.get_suptitle() == "Share of seeds at the target"
    assert sum(bool(ax.get_xlabel().strip()) for ax in figure.axes) == 1
    heights = [ax.get_position().height * figure.get_figheight() for ax in figure.axes]
    assert heights == pytest.approx([canvas.PANEL_HEIGHT] * 3, abs=0.15)


def test_on_a_phone_panels_stand_below_each_other(twelve):
    def draw(ax, title):
        return time_to_target(ax, ran, lay.line_styles, {}, 1e5, lay.panels[title])

    lay, ran = layout(twelve.summary, twelve.sweep), trained(twelve.trials)
    wide, narrow = (canvas.paint_panels(draw, list(lay.panels), w) for w in (7.2, 4.4))
    assert len({round(ax.get_position().x0, 2) for ax in wide.axes}) == 3
    assert len({round(ax.get_position().x0, 2) for ax in narrow.axes}) == 1


def test_heatmap_draws_what_is_not_there_otherwise_than_nothing_reached(twelve):
    cells = grid(twelve.summary, twelve.sweep, "success_rate")
    assert (cells.x, cells.y) == ("lr", "hidden")
    table = cells.panels[""]
    assert list(table.columns) == ["0.01", "0.03", "0.1", "0.3"]
    assert list(table.index) == ["[4]", "[2,1]", "[2]"]  # from the bottom
    assert np.isnan(table.loc["[2,1]", "0.03"])
    never = table.to_numpy() == 0
    assert never.sum() == 1
    ax = painted(lambda ax: heatmap(ax, cells), height=cells.height)[0]
    filled, hatched, vague = ax.collections
    assert (filled.get_hatch(), hatched.get_hatch()) == (None, "////")
    centres = [path.vertices[:4].mean(axis=0)[::-1].round(9) for path in hatched.get_paths()]
    assert np.array(centres).tolist() == np.argwhere(np.isnan(table.to_numpy())).tolist()
    assert (len(filled.get_paths()), len(vague.get_paths())) == (11, 0)
    said = {t.xy: t.get_text() for t in ax.texts}
    assert len(said) == 11
    assert sorted(said.values()) == ["0%"] + ["100%"] * 10
    assert "hatched: nothing trained" in ax.get_xlabel()


def test_speedup_is_the_baselines_mean_over_the_settings_and_blue_above_one(twelve):
    cells = grid(twelve.summary, twelve.sweep, "speedup")
    rmst = twelve.summary.set_index("setting")["rmst"]
    assert cells.panels[""].loc["[2]", "0.01"] == 1
    assert cells.panels[""].loc["[2]", "0.3"] == pytest.approx(rmst["s0"] / rmst["s3"])
    norm, colours = cells.scale
    assert norm.vmin * norm.vmax == pytest.approx(1)
    sooner, later = colours(norm(2.0)), colours(norm(0.5))
    assert sooner[2] > sooner[0]
    assert later[0] > later[2]


def test_where_the_baseline_never_arrives_others_that_do_not_are_not_compared():
    found = a_grid({"lr": [0.1, 0.2], "network.hidden": [[2], [4]]}, seeds=3, never=(0, 1))
    cells = grid(found.summary, found.sweep, "speedup")
    table = cells.panels[""]
    assert np.isinf(table.to_numpy()).sum() == 2
    ax = painted(lambda ax: heatmap(ax, cells), height=cells.height)[0]
    assert [t.get_text() for t in ax.texts].count("–") == 2
    assert "neither this nor the baseline ever arrived" in ax.get_xlabel()


def test_a_third_factor_makes_panels_with_one_key():
    keys = {"optimizer.name": ["sgd", "adam"], "lr": RATES, "network.hidden": HIDDEN}
    found = a_grid(keys, seeds=2)
    cells = grid(found.summary, found.sweep, "rmst")
    assert list(cells.panels) == ["optimizer=sgd", "optimizer=adam"]
    figure = canvas.paint_panels(
        lambda ax, title: heatmap(ax, cells, title, key=False),
        list(cells.panels),
        7.2,
        cells.height,
        lambda figure, axes: panels_key(figure, axes, cells),
    )
    assert len(figure.axes) == 3


def test_what_is_no_grid_has_no_heatmap():
    one = a_grid({"lr": RATES}, seeds=1)
    with pytest.raises(InputError, match="a heatmap needs two or three factors, 1 vary"):
        grid(one.summary, one.sweep, "rmst")
    keys = {"lr": [0.1, 0.2, 0.3], "network.hidden": [[1], [2], [3]]}
    diagonal = a_grid(keys, seeds=1, leave_out=(1, 2, 3, 5, 6, 7))  # as of a random search
    with pytest.raises(InputError, match="most combinations of levels have no setting"):
        grid(diagonal.summary, diagonal.sweep, "rmst")
    with pytest.raises(InputError, match="value=lr: is not drawn"):
        grid(one.summary, one.sweep, "lr")
    with pytest.raises(InputError, match="parallel coordinates need two factors"):
        painted(lambda ax: coordinates(ax, one.summary, one.sweep))


@pytest.mark.parametrize(("colour", "ink"), [("#00224e", ON_DARK), ("#fee838", ON_LIGHT)])
def test_numbers_are_dark_on_light_and_light_on_dark(colour, ink):
    assert ink_on(to_rgba(colour)) == ink


def test_numbers_stand_on_a_scale_that_fits_and_names_evenly():
    log = coordinate("lr", ["0.1", "0.01"], ["0.01", "0.1", "1"])
    assert log.places == pytest.approx([0.5, 0])
    linear = coordinate("depth", ["2", "1"], ["1", "2", "3"])
    assert linear.places == pytest.approx([0.5, 0])
    named = coordinate("net", ["b"], ["a", "b"])
    assert named.places == pytest.approx([0.75])
    assert [text for text, _ in named.marks] == ["a", "b"]
    crowded = coordinate("lr", ["1"], [str(float(i)) for i in range(1, 50)])
    assert len(crowded.marks) < 10


def test_settings_that_never_arrive_are_grey_and_dashed(twelve):
    ax = painted(lambda ax: coordinates(ax, twelve.summary, twelve.sweep))[0]
    grey, coloured = ax.collections
    assert len(grey.get_segments()) == 1
    assert len(coloured.get_segments()) == 10
    assert grey.get_linestyle()[0][1] is not None
    assert "no seed reached the target" in ax.get_xlabel()
    assert [t.get_text().replace("\n", " ") for t in ax.get_xticklabels()] == [
        "hidden",
        "lr",
        "restricted mean, samples",
    ]
