import subprocess
import sys
from dataclasses import replace
from inspect import signature

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.backends.backend_pdf import PdfPages

import nnrun.plot
from nnrun.errors import InputError
from nnrun.plot.style import LINE_STYLES
from tests.unit.grids import a_grid
from tests.unit.sweeps import a_sweep
from tests.unit.test_plot_text import read_whole

FIGURES = {
    "time_to_target": {},
    "learning_curves": {"metric": "accuracy"},
    "profile": {},
    "contrasts": {},
    "looks": {},
    "heatmap": {"value": "speedup"},
    "sensitivity": {"against": "budget"},
    "effects": {},
    "coordinates": {},
}


@pytest.fixture(scope="module")
def grid():
    return a_grid({"network.hidden": [[2], [4]], "lr": [0.1, 0.3]}, looks=[10, 15, 20])


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


def test_every_figure_is_tried():
    assert sorted(nnrun.plot.__all__) == sorted(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_draws_on_the_axis_given_and_leaks_no_style(name, grid):
    before = dict(mpl.rcParams)
    figure, axes = plt.subplots(2, 2, figsize=(7.2, 7.2))
    ax = axes[1, 0]
    assert getattr(nnrun.plot, name)(grid, ax=ax, **FIGURES[name]) is ax
    assert dict(mpl.rcParams) == before
    assert ax.has_data() or ax.patches
    # what belongs to it ends half-way to its neighbours, which are as they were
    assert figure.axes == list(axes.ravel())
    assert not any(other.has_data() or other.texts for other in (*axes[0], axes[1, 1]))
    read_whole(figure)
    box, right, above = ax.get_tightbbox(), axes[1, 1].bbox, axes[0, 0].bbox
    assert box.x0 >= 0
    assert box.y0 >= 0
    assert box.x1 <= right.x0
    assert box.y1 <= above.y0


@pytest.mark.parametrize("name", FIGURES)
def test_results_have_each_figure_as_their_own(name, grid):
    function, method = getattr(nnrun.plot, name), getattr(grid.plot, name)
    _, ax = plt.subplots()
    assert method(ax=ax, **FIGURES[name]) is ax
    assert ax.has_data() or ax.patches
    first, *others = signature(function).parameters.values()
    assert first.name == "results"
    assert list(signature(method).parameters.values()) == others
    assert f"results.plot.{name}(" in method.__doc__
    assert not {"results: What", "nnrun.plot."} & {*method.__doc__.split("\n")}
    assert name in dir(grid.plot)


@pytest.mark.parametrize("name", FIGURES)
def test_without_an_axis_a_new_figure_is_made(name, grid):
    mine, _ = plt.subplots()
    ax = getattr(nnrun.plot, name)(grid, **FIGURES[name])
    assert ax.figure is not mine
    assert ax.figure is plt.gcf()
    assert not mine.axes[0].has_data()
    assert ax.figure.get_figwidth() == plt.rcParams["figure.figsize"][0]


@pytest.mark.parametrize("name", FIGURES)
def test_in_a_column_of_a_journal_all_words_are_whole_and_clear_of_each_other(name, grid):
    with mpl.rc_context({"figure.figsize": (3.3, 2.5)}):
        ax = getattr(nnrun.plot, name)(grid, **FIGURES[name])
    assert ax.figure.get_figwidth() == 3.3
    read_whole(ax.figure)
    left, right = ax.get_xlim()
    low, high = sorted(ax.get_ylim())
    for line in ax.lines:
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        if len(x) > 2:
            assert ((x >= left) & (x <= right) & (y >= low) & (y <= high)).any()


def test_fonts_sizes_and_ground_are_the_reader_s(grid):
    with plt.style.context(["dark_background", {"font.size": 14, "font.family": "serif"}]):
        ax = nnrun.plot.profile(grid)
    said = ax.get_legend().get_texts()
    assert {text.get_fontsize() for text in said} == {14}
    assert {text.get_fontfamily()[0] for text in (*said, ax.xaxis.label)} == {"serif"}
    assert {line.get_color() for line in ax.lines} <= {style.dark for style in LINE_STYLES}
    assert ax.get_facecolor() == (0, 0, 0, 1)


@pytest.mark.parametrize(("kind", "embedded"), [("pdf", b"/CIDFontType2"), ("ps", b"FontType 42")])
def test_a_reader_s_own_file_has_no_type_3_fonts(kind, embedded, grid, tmp_path):
    assert mpl.rcParams["pdf.fonttype"] == 3
    nnrun.plot.effects(grid)
    plt.savefig(tmp_path / f"one.{kind}")
    assert embedded in (tmp_path / f"one.{kind}").read_bytes()
    assert b"/Type3" not in (tmp_path / f"one.{kind}").read_bytes()
    if kind == "pdf":  # a file of several pages is written as it is set
        with PdfPages(tmp_path / "pages.pdf") as pages:
            pages.savefig(plt.gcf())
        assert b"/Type3" in (tmp_path / "pages.pdf").read_bytes()


def test_settings_are_chosen_by_label_or_id():
    results = a_sweep([f"lr={i}" for i in range(12)])
    ax = nnrun.plot.learning_curves(results, settings=["lr=3", "s5"])
    assert len([line for line in ax.lines if len(line.get_xdata()) > 2]) == 2
    with pytest.raises(InputError, match=r"settings=lr=33: is no trained setting \(did you mean"):
        nnrun.plot.time_to_target(results, settings=["lr=33"])
    with pytest.raises(InputError, match="between 1 and 8 can be told apart"):
        nnrun.plot.time_to_target(results, settings=[f"s{i}" for i in range(9)])


def test_what_cannot_be_drawn_is_refused():
    one = a_sweep(["lr=0.1"], regression=True)
    refused = {
        "heatmap": "a heatmap needs two or three factors, 0 vary",
        "contrasts": "one setting alone has none",
        "sensitivity": "no setting can be compared with the baseline",
        "effects": "not a full grid",
        "coordinates": "need two factors",
    }
    for name, why in refused.items():
        with pytest.raises(InputError, match=why):
            getattr(nnrun.plot, name)(one)
    with pytest.raises(InputError, match="metric=accuracy: was not measured"):
        nnrun.plot.learning_curves(one, "accuracy")
    with pytest.raises(InputError, match="metric=test_los: is not a metric"):
        nnrun.plot.learning_curves(one, "test_los")
    with pytest.raises(InputError, match="against=time: is not drawn"):
        nnrun.plot.sensitivity(one, "time")
    three = a_grid({"lr": [1, 2], "network.hidden": [[1], [2]], "batch_size": [1, 2]}, seeds=1)
    with pytest.raises(InputError, match="one axis holds two factors, three vary"):
        nnrun.plot.heatmap(three)
    errors = one.trials.assign(status="failed")
    with pytest.raises(InputError, match="no setting was trained"):
        nnrun.plot.time_to_target(replace(one, trials=errors))
    with pytest.raises(AttributeError, match=r"'nnrun\.plot' has no attribute 'pie'"):
        _ = nnrun.plot.pie


def test_labels_are_never_read_as_mathematics():
    keys = {"data.note": ["$\\frac{$", "<b>$x$"], "network.hidden": [[1], [2]]}
    found = a_grid(keys, seeds=5, looks=[3, 5])
    for name, more in FIGURES.items():
        ax = getattr(nnrun.plot, name)(found, ax=plt.figure().gca(), **more)
        ax.figure.canvas.draw()  # \frac without its arguments would be an error


def test_styles_alone_need_no_drawing_library():
    code = "import sys, nnrun.plot.style; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
