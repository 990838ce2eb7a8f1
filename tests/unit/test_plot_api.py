import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import pytest

mpl.use("Agg")

from matplotlib import pyplot as plt

import nnrun.plot
from nnrun.errors import InputError
from tests.unit.grids import a_grid
from tests.unit.sweeps import a_sweep

FIGURES = {
    "time_to_target": {},
    "learning_curves": {"metric": "accuracy"},
    "profile": {},
    "contrasts": {},
    "heatmap": {"value": "speedup"},
    "sensitivity": {"against": "budget"},
    "effects": {},
    "coordinates": {},
}


@pytest.fixture(scope="module")
def grid():
    return a_grid({"network.hidden": [[2], [4]], "lr": [0.1, 0.3]})


@pytest.fixture(autouse=True)
def _no_figure_stays_open():
    yield
    plt.close("all")


def test_every_figure_is_tried():
    assert sorted(nnrun.plot.__all__) == sorted(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_draws_on_the_axis_given_and_leaks_no_style(name, grid):
    before = dict(mpl.rcParams)
    _, ax = plt.subplots()
    assert getattr(nnrun.plot, name)(grid, ax=ax, **FIGURES[name]) is ax
    assert dict(mpl.rcParams) == before
    assert ax.has_data() or ax.patches
    ax.figure.canvas.draw()


@pytest.mark.parametrize("name", FIGURES)
def test_without_an_axis_a_new_figure_is_made(name, grid):
    mine, _ = plt.subplots()
    ax = getattr(nnrun.plot, name)(grid, **FIGURES[name])
    assert ax.figure is not mine
    assert ax.figure is plt.gcf()
    assert not mine.axes[0].has_data()
    assert ax.figure.get_figwidth() == plt.rcParams["figure.figsize"][0]


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
    found = a_grid({"data.note": ["$\\frac{$", "<b>$x$"], "network.hidden": [[1], [2]]}, seeds=5)
    for name, more in FIGURES.items():
        ax = getattr(nnrun.plot, name)(found, ax=plt.figure().gca(), **more)
        ax.figure.canvas.draw()  # \frac without its arguments would be an error


def test_styles_alone_need_no_drawing_library():
    code = "import sys, nnrun.plot.style; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
