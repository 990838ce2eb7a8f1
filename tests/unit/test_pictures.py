"""Pictures: what is on them, against networks whose answers are known without computing."""

import base64
import hashlib
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from PIL import Image

from nnrun.config.settings import Network
from nnrun.network.losses import Hinge, SquaredError
from nnrun.network.mlp import Layer
from nnrun.pictures import animation
from nnrun.pictures import trial_pictures as stills
from nnrun.pictures.animation import animate
from nnrun.pictures.diagram import NEGATIVE, POSITIVE, WIDEST, biases, diagram, weights, wiring_of
from nnrun.pictures.film import scene_of, shoot, telling_moments
from nnrun.pictures.gif import MOST_BYTES, gif, images
from nnrun.pictures.graphs import accuracy, graph, has_one_input, losses, response_of, window
from nnrun.pictures.neurons import neurons, rows_of, size_of
from nnrun.pictures.player import Pane, player
from nnrun.pictures.surface import (
    UNKNOWN,
    answers,
    boundaries,
    coloured,
    extent_of,
    is_planar,
    limits,
    palette,
    plane_of,
    shades,
    shown_points,
    surface_of,
)
from nnrun.pictures.surface_plots import heatmap, relief
from nnrun.pictures.trial_pictures import draw_stills, left_out
from nnrun.plot import canvas
from nnrun.plot.gallery import COLORS
from nnrun.problem.feature_sets import Terms
from nnrun.problem.problem import DATA, Samples, Task
from nnrun.records.trials import Curves
from nnrun.text import number, percent
from nnrun.training.stack import Stack, Trial
from nnrun.trials import progress
from tests.conftest import make_setting, run

PLAIN = Terms(("x", "y"))
SHORT = {"budget": 40, "evals": 4, "engine": "reference"}
"""A trial that is trained for its shape, not for what it learns."""


@pytest.fixture
def coarse(monkeypatch):
    """Stills of few dots and cells: what is on them does not depend on how fine they are."""
    monkeypatch.setattr(canvas, "DOTS", 50)
    for name, cells in (("FINE", 40), ("COARSE", 16), ("SMALL", 12)):
        monkeypatch.setattr(stills, name, cells)


def a_perceptron(**changes):
    """A setting without hidden layers on the unit square."""
    network = Network(hidden=(), output="sigmoid")
    return make_setting(**{"features": PLAIN, "network": network, **changes})


def layer(weights, bias):
    """A layer of one trial from its weights, shape (fan_in, fan_out), and biases."""
    return Layer(np.array([weights], dtype=float), np.array([[bias]], dtype=float))


UPPER_HALF = (layer([[0.0], [1000.0]], [-500.0]),)
"""Answers 0 below y = 0.5 and 1 above."""


def upper_half(n=50, setting=None):
    setting = setting or a_perceptron()
    return surface_of(plane_of(setting, n), UPPER_HALF, setting)


def an_axis():
    return Figure(figsize=(4, 3)).add_subplot()


def test_the_plane_reaches_five_percent_beyond_the_points():
    assert extent_of(np.array([[0.0, 2.0], [4.0, 2.0]])) == pytest.approx((-0.2, 4.2, 1.0, 3.0))
    plane = plane_of(a_perceptron(), 10)
    points = a_perceptron().problem.held_out.inputs
    low, high = points.min(axis=0), points.max(axis=0)
    reach = 0.05 * (high - low)
    wanted = [low[0] - reach[0], high[0] + reach[0], low[1] - reach[1], high[1] + reach[1]]
    assert plane.extent == pytest.approx(wanted)
    assert np.diff(plane.x) == pytest.approx((wanted[1] - wanted[0]) / 10)


def test_the_network_gets_its_features_at_each_cell():
    plane = plane_of(make_setting(), 7)
    x, y, product = plane.inputs.reshape(7, 7, 3)[5, 2]
    assert (x, y) == (plane.x[2], plane.y[5])
    assert product == pytest.approx(plane.x[2] * plane.y[5], rel=1e-15)


def test_the_upper_half_of_the_plane_is_the_upper_half_of_the_picture():
    surface = upper_half()
    image = coloured(surface, 0, 1)
    below, above = surface.plane.y < 0.5, surface.plane.y > 0.5
    assert np.unique(image[below].reshape(-1, 3), axis=0).tolist() == [rgb(COLORS[0])]
    assert np.unique(image[above].reshape(-1, 3), axis=0).tolist() == [rgb(COLORS[1])]
    (shown,) = heatmap(an_axis(), surface, (0, 1), shown_points(a_perceptron())).images
    assert shown.origin == "lower"
    assert shown.get_extent() == list(surface.plane.extent)


def rgb(colour):
    return [round(255 * part) for part in to_rgb(colour)]


def test_classes_meet_where_the_output_crosses_the_loss_boundary():
    (line,) = boundaries(upper_half(200))
    assert line[:, 1] == pytest.approx(0.5, abs=0.01)
    assert np.ptp(line[:, 0]) > 1
    for loss, crossing in ((Hinge(), 0.25), (SquaredError(), 0.75)):
        setting = a_perceptron(loss=loss, network=Network(hidden=(), output="linear"))
        # the output is 2 y - 1/2 and 2 y - 1: at 0 and at 1/2
        params = (layer([[0.0], [2.0]], [-0.5 if loss == Hinge() else -1.0]),)
        (line,) = boundaries(surface_of(plane_of(setting, 60), params, setting))
        assert line[:, 1] == pytest.approx(crossing)


def test_scales_are_what_the_targets_ask_for():
    held_out = np.array([[0.0], [1.0]])
    assert limits(Task.BINARY, 0.5, held_out) == (0.0, 1.0)
    assert limits(Task.BINARY, 0.0, held_out) == (-1.0, 1.0)
    bumps = a_perceptron(data=DATA["multi_gaussian"]())
    assert limits(Task.REGRESSION, 0.5, np.array([[-3.0], [2.0]])) == (-3.0, 3.0)
    assert boundaries(upper_half(setting=bumps)) == []


def test_values_beyond_the_scale_have_its_ends_and_unknown_ones_are_grey():
    surface = upper_half(4)
    surface.outputs[0, 0] = [-7, 0.5, np.nan, 9]
    assert shades(surface, 0, 1)[0].tolist() == [0, 127, UNKNOWN, UNKNOWN - 1]
    red, green, blue = palette()[UNKNOWN]
    assert max(red, green, blue) - min(red, green, blue) < 15


def three_rings():
    """Rings 1 to 3 as outputs: the first wins left of -0.5, the second right of 0.5."""
    setting = a_perceptron(data=DATA["rings"](rings=3))
    params = (layer([[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [0.0, 0.0, 0.5]),)
    network = replace(setting.network, output="linear")
    return replace(setting, network=network), params


def test_each_of_several_classes_has_its_colour_where_its_output_is_largest():
    setting, params = three_rings()
    surface = surface_of(plane_of(setting, 80), params, setting)
    image, x = coloured(surface, 0, 1)[0].astype(int), surface.plane.x
    for place, which in ((x < -0.6, 0), (x > 0.6, 1), (abs(x) < 0.4, 2)):
        full = np.array(rgb(COLORS[which]))
        # a pale class keeps the direction of its colour from white
        away, own = 255 - image[place], 255 - full
        cosine = away @ own / np.linalg.norm(away, axis=1) / np.linalg.norm(own)
        assert cosine.min() > 0.999
    crossings = sorted({round(float(line[:, 0].mean()), 2) for line in boundaries(surface)})
    assert crossings == [-0.5, 0.5]
    legend = heatmap(an_axis(), surface, (0, 1), shown_points(setting)).get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["ring1", "ring2", "ring3"]


def test_points_are_few_enough_and_marked_by_class():
    setting = a_perceptron()
    points = shown_points(setting)
    ax = heatmap(an_axis(), upper_half(), (0, 1), points)
    groups = ax.collections[1:]
    assert [len(group.get_offsets()) for group in groups] == [
        int((points.targets == 0).sum()),
        int((points.targets == 1).sum()),
    ]
    assert len(points.inputs) == 300
    assert [to_hex(group.get_facecolor()[0]) for group in groups] == COLORS[:2]
    corners = [len(group.get_paths()[0].vertices) for group in groups]
    assert corners[0] != corners[1], "the classes differ in shape, not in colour alone"
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["class 0", "class 1"]
    few = shown_points(a_perceptron(data=DATA["gate"]()))
    assert len(few.inputs) == 4


def test_points_of_a_quantity_are_filled_with_their_target_in_the_colours_of_the_surface():
    setting = a_perceptron(data=DATA["plane"](), network=Network(hidden=(), output="linear"))
    flat = surface_of(plane_of(setting, 5), (layer([[0.0], [0.0]], [-1.0]),), setting)
    points = Samples(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[-1.0], [1.0]]))
    ax = heatmap(an_axis(), flat, (-1.0, 1.0), points)
    low, high = (to_hex(colour) for colour in ax.collections[-1].get_facecolors())
    assert (low, high) == tuple(COLORS[:2])
    assert rgb(low) == ax.images[0].get_array()[0, 0].tolist()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["held-out targets"]


def a_line(**changes):
    """A setting of one input whose network is a straight line."""
    network = Network(hidden=(), output="linear")
    return make_setting(data=DATA["sine"](), features=Terms(), network=network, **changes)


def test_a_single_input_has_a_graph_of_the_outputs_and_points_at_their_targets():
    setting = a_line()
    response = response_of(setting, (layer([[3.0]], [0.5]),), 20)
    points = shown_points(setting)
    ax = graph(an_axis(), response, window(response, points.targets), points)
    (line,) = ax.lines
    x, y = line.get_data()
    assert y == pytest.approx(3 * x + 0.5)
    assert x[0] < points.inputs.min() < points.inputs.max() < x[-1]
    at = np.asarray(ax.collections[0].get_offsets())
    assert at[:, 1] == pytest.approx(np.sin(np.pi * at[:, 0]))
    # a sine from -1 to 1, with a quarter of its height on both sides
    assert ax.get_ylim() == pytest.approx((-1.5, 1.5), abs=0.01)
    lost = response_of(setting, (layer([[np.nan]], [0.0]),), 20)
    ax = graph(an_axis(), lost, (-1.0, 1.0), points)
    assert [t.get_text() for t in ax.texts] == ["diverged: the outputs are not finite"]


def test_classes_of_a_single_input_are_at_the_output_that_is_asked_for(tmp_path):
    for names in ("ab", "abc"):
        rows = [f"{i},{names[i * len(names) // 60]}\n" for i in range(60)]
        path = tmp_path / f"{names}.csv"
        path.write_text("size,kind\n" + "".join(rows))
        data = DATA["table"](path=str(path), label="kind")
        setting = make_setting(
            data=data, features=Terms(), network=Network(hidden=(), output="sigmoid"), **SHORT
        )
        params = shoot(setting, 0).subject.params
        response, points = response_of(setting, params, 20), shown_points(setting)
        ax = graph(an_axis(), response, window(response, points.targets), points)
        levels = [np.unique(np.asarray(g.get_offsets())[:, 1]).tolist() for g in ax.collections]
        assert levels == ([[0.0], [1.0]] if names == "ab" else [[1.0]] * 3)
        ends = [np.asarray(g.get_offsets())[:, 0].max() for g in ax.collections]
        assert ends == sorted(ends), "classes follow each other along the input"
        said = [text.get_text() for text in ax.get_legend().get_texts()]
        assert said[: len(names)] == list(names)
        assert len(ax.lines) == (2 if names == "ab" else 3), "an output each, or one and its level"


def test_the_animation_of_a_single_input_shows_its_graph(coarse, tmp_path):
    setting = a_line(**SHORT)
    assert has_one_input(setting)
    film = shoot(setting, 0)
    animate(film.subject, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "animation.gif", "animation.html", "curves.png", "fit.png", "network.png"
    ]  # fmt: skip
    page = (tmp_path / "animation.html").read_text()
    held = embedded(page)["panes"][0]["response"]
    last = film.subject.params[0]
    line = last.weights[0, 0, 0] * np.array(held["x"]) + last.bias[0, 0, 0]
    assert held["outputs"][-1][0] == pytest.approx(line, rel=1e-2, abs=1e-2)
    assert 'id="response0"' in page
    wide = next(images(film, scene_of(film))).width
    assert wide > 1.3 * next(images(film, scene_of(film)._replace(responses=[]))).width


def test_a_diverged_network_is_said_to_be():
    setting = a_perceptron()
    lost = (layer([[np.nan], [1.0]], [0.0]),)
    surface = surface_of(plane_of(setting, 9), lost, setting)
    ax = heatmap(an_axis(), surface, (0, 1), shown_points(setting))
    assert [t.get_text() for t in ax.texts] == ["diverged: the outputs are not finite"]
    solid = relief(Figure().add_subplot(projection="3d"), surface, (0, 1))
    assert not solid.collections
    ax = diagram(an_axis(), wiring_of(setting), weights(lost), biases(lost))
    assert [t.get_text() for t in ax.texts] == ["diverged: no finite weights"]
    unit = rows_of(plane_of(setting, 9), lost, setting)[1]
    assert len(neurons(an_axis(), [unit]).images) == 1


def test_the_relief_is_as_high_as_the_output():
    ax = relief(Figure().add_subplot(projection="3d"), upper_half(20), (0, 1))
    (faces,) = ax.collections
    heights = np.array(faces.get_array())
    assert heights.shape == (19 * 19,)
    assert set(np.round(heights, 6)) == {0.0, 1.0, 0.5}
    assert ax.get_zlim() == (0, 1)


def test_every_unit_has_a_heatmap_and_the_inputs_come_first():
    setting = make_setting()
    film = shoot(setting, 0)
    plane = plane_of(setting, 11)
    layers = rows_of(plane, film.subject.params, setting)
    assert [layer.names for layer in layers] == [
        ("x", "y", "x*y"), ("unit 1", "unit 2"), ("unit 1",), ("label",)
    ]  # fmt: skip
    assert layers[0].values[2][3, 8] == pytest.approx(plane.y[3] * plane.x[8])
    assert layers[1].scales == ((0.0, 1.0), (0.0, 1.0))
    whole = answers(plane, film.subject.params, setting)
    assert (layers[2].values == whole[1]).all()
    ax = neurons(an_axis(), layers)
    assert len(ax.images) == 7
    tops = [image.get_extent()[3] for image in ax.images]
    assert [tops.count(top) for top in sorted(set(tops), reverse=True)] == [3, 2, 1, 1]
    assert {"x", "label", "hidden 2\nsigmoid"} <= {text.get_text() for text in ax.texts}


def test_a_wide_layer_shows_its_first_twelve_units_and_has_no_diagram():
    setting = make_setting(network=Network(hidden=(30,), output="sigmoid"))
    params = shoot(replace(setting, **SHORT), 0).subject.params
    hidden = rows_of(plane_of(setting, 5), params, setting)[1]
    assert (len(hidden.names), hidden.more) == (12, 18)
    shown = neurons(an_axis(), [hidden])
    assert any("(first 12\nof 30)" in t.get_text() for t in shown.texts)
    tops = [image.get_extent()[3] for image in shown.images]
    assert [tops.count(top) for top in sorted(set(tops), reverse=True)] == [8, 4]
    ax = diagram(an_axis(), wiring_of(setting), weights(params), biases(params))
    assert [t.get_text() for t in ax.texts] == [
        "not drawn: 30 units in a layer;\nup to 12 can be read"
    ]
    assert not ax.collections


def test_links_lead_from_each_weight_s_input_to_its_unit():
    wiring = wiring_of(make_setting())
    # 3-[2,1]-1: inputs 0 to 2, then 3 and 4, then 5, then 6
    assert wiring.links.tolist() == [
        [0, 3], [0, 4], [1, 3], [1, 4], [2, 3], [2, 4], [3, 5], [4, 5], [5, 6]
    ]  # fmt: skip
    assert wiring.names == ("x", "y", "x*y", "", "", "", "label")
    assert not wiring.shortcut.any()
    skipping = Network(hidden=(2,), output="sigmoid", shortcut=True)
    wiring = wiring_of(make_setting(features=PLAIN, network=skipping))
    # 2-[2]-1: behind the two hidden units the output gets the inputs themselves
    assert wiring.links[4:].tolist() == [[2, 4], [3, 4], [0, 4], [1, 4]]
    assert wiring.shortcut.tolist() == [False] * 6 + [True] * 2


def test_links_are_as_wide_as_their_weights_and_coloured_by_sign():
    setting = a_perceptron()
    ax = diagram(an_axis(), wiring_of(setting), np.array([-2.0, 1.0]), np.array([0.25]), (4.0, 1.0))
    links = ax.collections[0]
    thin, wide = sorted(links.get_linewidths())
    assert wide - 0.3 == pytest.approx((WIDEST - 0.3) / 2)
    assert thin - 0.3 == pytest.approx((WIDEST - 0.3) / 4)
    assert [to_hex(colour) for colour in links.get_colors()] == [NEGATIVE, POSITIVE]
    words = {text.get_text() for text in ax.texts}
    assert {"x", "y", "label", "0.25"} <= words
    ax = diagram(an_axis(), wiring_of(setting), np.array([-2.0, 1.0]), None)
    assert not any("bias" in text.get_text() for text in ax.texts)


COURSE = Curves(
    np.array([1, 10, 100]),
    np.array([0.9, 0.5, 0.1]),
    np.array([0.8, 0.4, 0.2]),
    np.array([0.5, 0.75, 1.0]),
)


def test_curves_are_drawn_as_measured_and_what_is_to_come_is_pale():
    ax = losses(an_axis(), COURSE)
    train, test = ax.lines
    assert train.get_ydata().tolist() == [0.9, 0.5, 0.1]
    assert test.get_ydata().tolist() == [0.8, 0.4, 0.2]
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    now, *lines = losses(an_axis(), COURSE, at=10).lines
    assert list(now.get_xdata()) == [10, 10]
    assert [line.get_alpha() for line in lines] == [0.25, None, 0.25, None]
    np.testing.assert_array_equal(lines[1].get_ydata(), [0.9, 0.5, np.nan])
    right, target = accuracy(an_axis(), COURSE, target=0.95).lines
    assert right.get_ydata().tolist() == [0.5, 0.75, 1.0]
    assert list(target.get_ydata()) == [0.95, 0.95]


def test_a_diverging_loss_does_not_flatten_the_rest():
    values = np.array([0.5, 1e200, np.nan])
    ax = losses(an_axis(), Curves(np.array([1, 2, 3]), values, values, values))
    assert ax.get_ylim()[1] < 10
    assert ax.get_title(loc="left") == "Loss (diverged)"
    lost = np.full(3, np.nan)
    ax = losses(an_axis(), Curves(np.array([1, 2, 3]), lost, lost, lost))
    assert [t.get_text() for t in ax.texts] == ["diverged before the first evaluation"]


def course(losses, samples=None):
    """A trial's curves of which the test loss alone counts."""
    losses = np.array(losses, dtype=np.float64)
    samples = np.arange(1, len(losses) + 1) if samples is None else np.array(samples)
    return Curves(samples, losses, losses, losses)


def test_frames_are_where_the_loss_falls_and_few_on_a_plateau():
    falling = np.interp(np.arange(1, 1001), [1, 400, 500, 1000], [1.0, 1.0, 0.0, 0.0])
    moments = np.array(telling_moments([course(falling)]))
    assert (moments[0], moments[-1]) == (0, 1000)
    assert 38 <= len(moments) <= 41
    within = ((moments > 400) & (moments <= 500)).sum()
    assert within == pytest.approx(0.75 * 40, abs=2), "three quarters are where all of it happens"
    noisy = falling + np.where(np.arange(1000) > 600, np.resize([0.0, 0.5], 1000), 0)
    assert telling_moments([course(noisy)]) == moments.tolist(), "ups and downs are no progress"


def test_frames_of_several_trials_share_their_changes_and_keep_every_arrival():
    early = [1.0] * 10 + [0.0] * 90
    late = [1.0] * 89 + [0.0] * 11
    moments = telling_moments([course(early), course(late)], [11, 77, np.nan], most=6)
    assert {0, 11, 77, 90, 100} <= set(moments)
    assert len(moments) <= 6 + 3
    coarse = course([1.0, 0.5], samples=[50, 200])
    assert telling_moments([course(early), coarse], most=3)[-1] == 200, "the longest counts"
    nothing = [telling_moments([course([v] * 1000)]) for v in (1.0, np.nan)]
    assert nothing[0] == nothing[1]
    steps = np.diff(np.log(nothing[0][20:]))
    assert steps.max() < 3 * steps.min(), "without a change they are spaced as a log"


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_film_shows_the_very_trial_that_was_trained_among_others(engine):
    setting = make_setting(engine=engine)
    film = shoot(setting, 1)
    among = run(Stack(tuple(Trial(setting, seed) for seed in range(3))), engine)
    for mine, theirs in zip(film.subject.params, among.params, strict=True):
        assert (mine.weights[0] == theirs.weights[1]).all()
        assert (mine.bias[0] == theirs.bias[1]).all()
    assert (film.subject.curves.test_loss == among.curves.test_loss[1]).all()
    assert film.evaluations.tolist() == list(range(-1, len(among.curves.samples)))
    assert film.samples(0) == 0
    assert film.words(0) == "0 samples seen · before training"
    assert film.samples(len(film.params) - 1) == setting.budget
    sets = {weights(params).tobytes() for params in film.params}
    assert len(sets) == len(film.params), "each frame has parameters of its own"


def test_the_gif_has_every_frame_and_the_colours_of_the_house():
    film = shoot(make_setting(evals=4), 0)
    drawn = []
    written = gif(film, scene_of(film), "Seed 0, the only one", drawn.append)
    assert sum(drawn) == len(film.params)
    assert len(written) < MOST_BYTES
    with Image.open(io.BytesIO(written)) as moving:
        assert (moving.n_frames, moving.info["loop"]) == (len(film.params) + 1, 0)
        poster = np.asarray(moving.convert("RGB")).astype(int)
        moving.seek(1)
        first = np.asarray(moving.convert("RGB")).astype(int)
        moving.seek(moving.n_frames - 1)
        assert moving.info["duration"] == 2500
        last = np.asarray(moving.convert("RGB")).astype(int)
    assert (first != last).any(axis=2).mean() > 0.05
    assert (poster == last).all(), "what does not play shows the end"
    assert last[0, 0].tolist() == [255, 255, 255]
    # test loss and accuracy lines keep their colours, in the right fifth of the picture
    right = last[:, 4 * last.shape[1] // 5 :].reshape(-1, 3)
    for colour in ("#0072b2", "#00875f"):
        assert np.abs(right - rgb(colour)).max(axis=1).min() <= 6


def embedded(page):
    return json.loads(re.search(r'id="content">(.*?)</script>', page, re.DOTALL)[1])


def test_the_page_holds_all_frames_and_loads_nothing():
    film = shoot(make_setting(), 0)
    scene = scene_of(film)
    page = player([Pane(film, scene, "Seed 0, the median of 3", "it reached the target after 9")])
    assert not re.search(r"https?://|@import|(href|src)=\"(?!data:)", page)
    (ours,) = re.findall("<script>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(ours.encode()).digest()).decode()
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src "
    policy += f"'sha256-{digest}'"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in page
    assert not re.search(r"\bon[a-z]+=|\beval\(|Function\(", page)
    assert "<title>xor · 3-[2,1]-1 sigmoid · sgd, lr 0.1 · seed 0" in page
    assert "Target missed.</b> Seed 0, the median of 3: it reached the target after 9." in page
    assert "The median is the lower median" in page
    content = embedded(page)
    (held,) = content["panes"]
    n, frames = held["surface"]["n"], len(film.params)
    images = np.frombuffer(base64.b64decode(held["surface"]["shades"]), np.uint8)
    images = images.reshape(frames, n, n)
    assert (images[-1] == shades(scene.surfaces[-1], *scene.scale)).all()
    assert content["clock"] == [film.samples(frame) for frame in range(frames)]
    assert np.allclose(held["network"]["weights"], scene.weights, rtol=1e-3)
    test_loss = content["curves"][0]["lines"][1]
    assert test_loss["values"][-1] == pytest.approx(film.subject.curves.test_loss[-1], rel=1e-3)
    small = np.frombuffer(base64.b64decode(held["units"]["shades"]), np.uint8)
    assert small.size == frames * 7 * held["units"]["n"] ** 2
    pictures = re.findall(r'<img alt="" src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == min(frames, 6), "paper shows some moments without a script"
    with Image.open(io.BytesIO(base64.b64decode(pictures[-1]))) as still:
        assert still.size == (96, 96)


def test_several_trials_are_shown_at_one_clock_each_at_its_own_last_evaluation():
    quick = make_setting(evals=8, lr=1.0)
    slow = make_setting(evals=8, batch_size=7, budget=280)
    films = [shoot(quick, 1), shoot(slow, 0)]
    clock = telling_moments([film.subject.curves for film in films], [29])
    panes = [
        Pane(film.at(clock), scene_of(film.at(clock), 8), "", "", samples, f"s{i}", f"{i}/a b.html")
        for i, (film, samples) in enumerate(zip(films, (29, np.nan), strict=True))
    ]
    page = player(panes, clock, rest=3)
    content = embedded(page)
    assert content["clock"] == clock
    assert [pane["arrival"] for pane in content["panes"]] == [29, None]
    assert "xor · 2 settings at one clock" in page
    assert "Of 5 settings: the first, the soonest" in page
    assert 'href="1/a%20b.html"' in page
    for film, held in zip(films, content["panes"], strict=True):
        curves = film.subject.curves
        for moment, words in zip(clock, held["words"], strict=True):
            seen = curves.samples[curves.samples <= moment]
            if not seen.size:
                assert words == ("" if moment == 0 else "0 samples seen · ") + "before training"
                continue
            told = number(float(curves.test_loss[len(seen) - 1]))
            late = "" if seen[-1] == moment else f"{seen[-1]:,} samples seen · "
            right = percent(float(curves.accuracy[len(seen) - 1]))
            assert words == f"{late}test loss {told} · accuracy {right}"
    # what is kept at some moments is what was kept at all evaluations
    few = shoot(quick, 1, moments=clock[3:5])
    for frame in range(1, len(few.params)):
        same = films[0].at([few.samples(frame)]).params[0]
        assert (weights(few.params[frame]) == weights(same)).all()


def test_of_a_network_that_cannot_be_seen_no_frame_is_kept_and_the_page_has_its_curves(tmp_path):
    setting = make_setting(
        data=DATA["iris"](),
        features=Terms(),
        network=Network(hidden=(13,), output="sigmoid"),
        **SHORT,
    )
    film = shoot(setting, 0)
    assert film.params == ((),) * 5
    page = player([Pane(film, scene_of(film))])
    assert "The network is not drawn: 13 units in a layer;\nup to 12 can be read." in page
    assert ("network0" in page, 'id="curves"' in page) == (False, True)
    assert not re.search(r"<img", page)
    losses = np.linspace(1, 0, 100_000)
    endless = film._replace(subject=film.subject._replace(curves=course(losses)))
    line = embedded(player([Pane(endless, scene_of(film))]))["curves"][0]["lines"][0]
    assert len(line["samples"]) == len(line["values"]) == 1000, "no page grows without bound"
    assert (line["samples"][0], line["samples"][-1], line["values"][-1]) == (1, 100_000, 0.0)
    whole = shoot(replace(setting, network=Network(hidden=(12,), output="sigmoid")), 0)
    assert len(whole.params[0]) == 2


def test_of_a_large_network_fewer_frames_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "gif", lambda *arguments: b"")
    monkeypatch.setattr(animation, "draw_stills", lambda *arguments: [])
    subject = shoot(make_setting(evals=60), 0).subject
    clocks = []
    for frames in (1000, 9, 1):
        monkeypatch.setattr(animation, "MEMORY", frames * 13 * 8)  # 13 parameters of 8 bytes
        animate(subject, tmp_path)
        clocks.append(embedded((tmp_path / "animation.html").read_text())["clock"])
    assert [len(clock) for clock in clocks] == pytest.approx([41, 10, 7], abs=1)
    assert {clock[-1] for clock in clocks} == {subject.setting.budget}


def test_a_trial_that_ends_otherwise_when_it_is_trained_again_is_told_of(tmp_path, monkeypatch):
    monkeypatch.setattr(animation, "gif", lambda *arguments: b"")
    monkeypatch.setattr(animation, "draw_stills", lambda *arguments: [])
    subject = shoot(make_setting(**SHORT), 0).subject
    other = tuple(Layer(layer.weights + 1e-9, layer.bias) for layer in subject.params)
    for drawn, otherwise in ((subject, False), (subject._replace(params=other), True)):
        animate(drawn, tmp_path, "Seed 0, the only one", "it diverged")
        page = (tmp_path / "animation.html").read_text()
        assert "Seed 0, the only one: it diverged" in page
        assert ("trained again for these pictures, it ended otherwise" in page) == otherwise


def test_units_of_a_wide_network_fill_a_broad_picture():
    names = ("x", "y", "x*y", "x**2", "y**2", "sin(x)", "sin(y)")
    setting = make_setting(features=Terms(names), network=Network(hidden=(8, 8), output="sigmoid"))
    layers = rows_of(
        plane_of(setting, 5), shoot(replace(setting, **SHORT), 0).subject.params, setting
    )
    width, height = size_of(layers)
    ax = neurons(an_axis(), layers)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    assert (right - left) / (high - low) == pytest.approx(width / height, rel=0.05)
    filled = 24 * (0.82 * 1.1) ** 2 / (width * height)
    assert filled > 0.3, "inputs, units and output are a third of the paper"


def test_accuracy_is_100_percent_only_if_all_are_right():
    assert [percent(v) for v in (0.996, 0.9999999, 0.29, 1.0)] == ["99.6%", "99.9%", "29%", "100%"]


def test_a_problem_that_is_no_plane_has_diagram_and_curves_only_and_says_why(
    coarse, tmp_path, capsys
):
    progress.say.cache_clear()
    setting = make_setting(
        data=DATA["iris"](),
        features=Terms(),
        network=Network(hidden=(3,), output="sigmoid"),
        **SHORT,
    )
    assert not is_planar(setting)
    animate(shoot(setting, 0).subject, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "animation.gif", "animation.html", "curves.png", "network.png"
    ]  # fmt: skip
    reason = (
        "iris has 4 inputs and no plane of x and y: no surface.png, surface3d.png or neurons.png"
    )
    assert left_out(setting) == reason
    progress.say(f"note: {reason}")
    assert capsys.readouterr().err == f"note: {reason}\n", "once, not for every network"
    assert left_out(make_setting()) == ""
    page = (tmp_path / "animation.html").read_text()
    (held,) = embedded(page)["panes"]
    assert (held["surface"], held["units"]) == (None, None)
    assert 'id="surface0"' not in page
    assert held["network"]["names"][0].startswith("sepal")


def test_a_planar_problem_has_five_pictures_that_differ_by_trial(coarse, tmp_path):
    setting = make_setting(**SHORT)
    for seed in (0, 1):
        names = [
            path.name for path in draw_stills(shoot(setting, seed).subject, tmp_path / str(seed))
        ]
    assert names == ["surface.png", "surface3d.png", "neurons.png", "network.png", "curves.png"]
    for name in names:
        with Image.open(tmp_path / "0" / name) as zero, Image.open(tmp_path / "1" / name) as one:
            assert zero.size == one.size
            assert np.asarray(zero).std() > 10
            assert (np.asarray(zero) != np.asarray(one)).any()


def planar_names():
    return [name for name in DATA if DATA[name].planar]


@pytest.mark.parametrize("name", planar_names())
def test_every_planar_problem_can_be_drawn(name, coarse, tmp_path):
    network = Network(hidden=(2,), output="sigmoid")
    setting = a_perceptron(data=DATA[name](), network=network, **SHORT)
    assert is_planar(setting)
    assert len(draw_stills(shoot(setting, 0).subject, tmp_path)) == 5


def test_progress_is_said_only_of_what_takes_a_while(monkeypatch, capsys):
    with progress.meter("drawing 4 networks", 4) as advance:
        advance(1)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(progress, "FIRST_SIGN", -1.0)
    with progress.meter("drawing 4 networks", 4) as advance:
        for _ in range(4):
            advance(1)
    assert capsys.readouterr() == ("", "drawing 4 networks: 25%\n")


def test_an_animation_is_told_of_as_a_whole(coarse, tmp_path):
    told = []
    animate(shoot(make_setting(**SHORT), 0).subject, tmp_path, advance=told.append)
    assert sum(told) == pytest.approx(1)
    assert min(told) >= 0
