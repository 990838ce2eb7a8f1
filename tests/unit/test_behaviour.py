"""Networks in a report: which trials are shown, when, and that they are the trials themselves."""

import io
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nnrun.network.mlp import Layer
from nnrun.pictures import behaviour as module
from nnrun.pictures.behaviour import behaviour
from nnrun.pictures.film import shoot, shoot_together
from nnrun.pictures.panels import FIGURES
from nnrun.pictures.replay import film_within, filming_seconds, matched_moments
from nnrun.pictures.surface import plane_of, surface_of
from nnrun.pictures.thumbnails import CELLS, surface_png
from nnrun.plot import canvas
from nnrun.plot.style import INK
from nnrun.problem.feature_sets import Terms
from nnrun.problem.problem import DATA
from nnrun.records.record import write_record
from nnrun.results.typical import median_case, worst_cases
from nnrun.training.stack import Stack, Trial
from nnrun.training.trainer import TrainingStopped
from nnrun.trials.cache import Cache
from tests.conftest import make_setting, run
from tests.records import a_record, changed


def table(*rows):
    """A trials table of (setting, seed, status, samples to target, last loss)."""
    found = pd.DataFrame(
        rows, columns=["setting", "seed", "status", "samples_to_target", "final_test_loss"]
    )
    return found.assign(
        plateaued=False, budget=400, final_accuracy=0.75, ns_per_sample=10.0, label=found["setting"]
    )


def a_sweep(monkeypatch, folder, *settings, seeds=3):
    """Train settings, write their records, and let them be found again without Hydra's notes."""
    rows, records = [], {}
    for setting in settings:
        trained = run(Stack(tuple(Trial(setting, seed) for seed in range(seeds))))
        losses = trained.curves.test_loss[:, -1]
        record = changed(
            a_record(setting.id, seeds=range(seeds), losses=losses),
            params=trained.params,
            curves=trained.curves,
        )
        home = folder / setting.id
        home.mkdir()
        meta = {**record.meta, "number": 0}
        records[setting.id] = [write_record(replace(record, meta=meta), home).path]
        for seed, loss in enumerate(losses):
            status = "diverged" if np.isnan(loss) else "exhausted"
            rows.append((setting.id, seed, status, np.nan, loss))
    known = {s.id: s for s in settings}
    monkeypatch.setattr("nnrun.pictures.film.setting_of", lambda meta: known[meta["setting"]])
    names = {s.id: f"setting {i}" for i, s in enumerate(settings)}
    return table(*rows), records, list(records), names


def test_the_median_trial_counts_failures_as_infinitely_slow():
    arrivals = table(
        ("a", 7, "reached", 300.0, 0.1),
        ("a", 1, "diverged", np.nan, np.nan),
        ("a", 2, "reached", 100.0, 0.1),
        ("a", 3, "exhausted", np.nan, 0.2),
        ("a", 4, "reached", 200.0, 0.1),
    )
    # 100, 200, 300, inf, inf
    assert median_case(arrivals).seed == 7
    # of 100, 200, 300, inf the lower middle
    assert median_case(arrivals[arrivals["seed"] != 1]).seed == 4
    assert median_case(arrivals[arrivals["status"] != "reached"]).seed == 3, "diverged is last"
    assert "after 300 samples" in median_case(arrivals).words


def test_equal_times_go_by_the_last_loss_and_then_by_seed():
    same = table(
        ("a", 5, "reached", 100.0, 0.2),
        ("a", 3, "reached", 100.0, 0.2),
        ("a", 9, "reached", 100.0, 0.1),
    )
    assert median_case(same).seed == 3
    errors = same.assign(status="failed")
    assert median_case(errors) is None
    assert worst_cases(errors) == []


def test_the_worst_diverged_then_have_the_highest_loss_then_arrived_last():
    trials = table(
        ("a", 0, "reached", 300.0, 0.9),
        ("a", 1, "exhausted", np.nan, 0.2),
        ("a", 2, "failed", np.nan, np.nan),
        ("b", 0, "exhausted", np.nan, 0.4),
        ("b", 1, "diverged", np.nan, np.nan),
        ("b", 2, "reached", 200.0, 0.1),
    )
    found = [(case.setting, case.seed, case.arrived) for case in worst_cases(trials)]
    assert found == [
        ("b", 1, False), ("b", 0, False), ("a", 1, False), ("a", 0, True), ("b", 2, True)
    ]  # fmt: skip
    assert worst_cases(trials, 1)[0].words == "diverged"


def test_where_losses_differ_in_kind_the_lowest_accuracy_is_worst():
    trials = table(("a", 0, "exhausted", np.nan, 0.9), ("b", 0, "exhausted", np.nan, 0.1))
    trials["final_accuracy"] = [0.8, 0.6]
    assert worst_cases(trials)[0].setting == "a"
    assert worst_cases(trials.assign(**{"loss.name": ["x", "y"]}))[0].setting == "b"


def test_moments_are_whole_batches_of_all_settings_up_to_the_smallest_budget():
    settings = [make_setting(budget=b, batch_size=n) for b, n in ((1000, 4), (5000, 6))]
    moments = matched_moments(settings)
    assert (moments[0], moments[-1]) == (0, 996)
    assert all(moment % 12 == 0 for moment in moments)
    assert moments == sorted(set(moments))
    assert 8 <= len(moments) <= 12
    assert matched_moments([make_setting(budget=3), make_setting(budget=30, batch_size=4)]) == [0]


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_trials_filmed_together_are_those_filmed_alone(engine):
    slow, fast = (make_setting(engine=engine, lr=lr) for lr in (0.1, 1.0))
    grid = shoot(slow, 0).subject.curves.samples
    counts = grid[[2, 5, 8]].tolist()
    films = shoot_together([Trial(slow, 4), Trial(fast, 2)], counts)
    for film in films:
        alone = shoot(film.subject.setting, film.subject.seed)
        assert [film.samples(i) for i in range(len(film.params))] == [0, *counts, 400]
        at = {alone.samples(i): params for i, params in enumerate(alone.params)}
        for i, params in enumerate(film.params):
            for mine, theirs in zip(params, at[film.samples(i)], strict=True):
                assert (mine.weights == theirs.weights).all()
                assert (mine.bias == theirs.bias).all()
        where = np.searchsorted(grid, film.subject.curves.samples)
        np.testing.assert_array_equal(
            film.subject.curves.test_loss, alone.subject.curves.test_loss[where]
        )


def test_all_rows_are_seen_at_the_same_samples_and_end_as_recorded(tmp_path, monkeypatch):
    settings = [make_setting(lr=0.1), make_setting(batch_size=10, budget=600)]
    sweep = a_sweep(monkeypatch, tmp_path, *settings)
    shown = behaviour(*sweep)
    assert shown.notes == [], "each was trained to the numbers of its record"
    for row in shown.rows:
        assert [frame.samples for frame in row.frames] == shown.moments
        assert all(
            frame.words.startswith(f"{frame.samples:,} samples seen") for frame in row.frames
        )
    first, second = shown.rows
    assert shown.moments[-1] == first.last.samples == 400
    assert second.last.samples == 600
    assert first.frames[-1].png == first.last.png
    assert first.frames[0].png != first.last.png
    assert [(title, len(units)) for title, units, _ in first.layers] == [
        ("inputs", 3), ("hidden 1 · sigmoid", 2), ("hidden 2 · sigmoid", 1), ("output · sigmoid", 1)
    ]  # fmt: skip
    assert first.diagram.count("<svg") == 1
    assert [f.seed for f in shown.failures] == [case.seed for case in worst_cases(sweep[0])]
    again = behaviour(*sweep)
    pictures = [[f.png for f in row.frames] + [row.diagram] for row in shown.rows]
    assert pictures == [[f.png for f in row.frames] + [row.diagram] for row in again.rows]
    assert [f.png for f in shown.failures] == [f.png for f in again.failures]
    for draw in FIGURES.values():
        assert canvas.svg(draw(shown)) == canvas.svg(draw(again))


def test_a_trial_that_was_watched_is_found_again_and_not_trained(tmp_path, monkeypatch):
    batches = make_setting(batch_size=10, budget=600)
    sweep = a_sweep(monkeypatch, tmp_path, make_setting(lr=0.1), batches)
    folder = tmp_path / "cache"
    first = behaviour(*sweep, cache=Cache(folder))
    films = sorted(folder.glob("*/*/*.film.npz"))
    assert len(films) == 2
    with monkeypatch.context() as patched:
        patched.setattr("nnrun.pictures.film.train", lambda *arguments: 1 / 0)
        again = behaviour(*sweep, cache=Cache(folder))
        assert behaviour(*sweep, cache=Cache(folder, "off")).notes, "off finds nothing"
        assert behaviour(*sweep, cache=Cache(folder, "refresh")).notes
    assert again.notes == []
    for mine, other in zip(first.rows, again.rows, strict=True):
        assert mine.frames == other.frames
    for draw in FIGURES.values():
        assert canvas.svg(draw(first)) == canvas.svg(draw(again))
    films[0].write_bytes(films[0].read_bytes()[:-100])
    assert behaviour(*sweep, cache=Cache(folder)).notes == []
    anew = sorted(folder.glob("*/*/*.film.npz"))
    assert (len(anew), films[1] in anew, films[0] in anew) == (2, True, False)
    assert behaviour(*sweep, cache=Cache(tmp_path / "other", "off")).notes == []
    assert not (tmp_path / "other").exists()


def test_a_trial_that_is_shown_keeps_no_other_in_memory(tmp_path, monkeypatch):
    shown = behaviour(*a_sweep(monkeypatch, tmp_path, make_setting(), seeds=50), most_seconds=0)
    subjects = [part.subject for part in (*shown.rows, *shown.failures)]
    assert len(subjects) == 6
    for subject in subjects:
        arrays = [*(a for layer in subject.params for a in layer), *subject.curves[1:]]
        assert all(array.base is None for array in arrays), "a view holds what it was cut from"


def test_parameters_that_come_out_otherwise_are_told_of(tmp_path, monkeypatch):
    setting = make_setting()
    sweep = a_sweep(monkeypatch, tmp_path, setting)
    read = module.from_record

    def other(path, seed):
        subject = read(path, seed)
        last = subject.params[-1]
        changed = Layer(np.nextafter(last.weights, 9), last.bias)
        return subject._replace(params=(*subject.params[:-1], changed))

    monkeypatch.setattr(module, "from_record", other)
    (note,) = behaviour(*sweep).notes
    assert note.startswith(
        "setting 0: trained again, its network did not end with the very numbers"
    )


def test_what_would_take_too_long_is_shown_at_its_end_only(tmp_path, monkeypatch):
    sweep = a_sweep(monkeypatch, tmp_path, make_setting())
    shown = behaviour(*sweep, most_seconds=0)
    (row,) = shown.rows
    assert (row.frames, row.film) == ([], None)
    assert row.last.png
    assert "only the end is shown: its frames would take about" in shown.notes[0]
    assert FIGURES["surfaces"](shown) is None
    stopped = behaviour(*sweep, stopped=lambda: True)
    assert stopped.notes == ["setting 0: only the end is shown: filming was stopped."]


def test_the_bound_counts_a_stack_once_and_keeps_the_most_important():
    # lanes: 100,000 samples x 32 lanes, at 10 ns or more
    trials = [Trial(make_setting(budget=100_000, lr=lr), 0) for lr in (0.1, 0.2)]
    other = Trial(make_setting(budget=100_000, features=Terms(("x", "y"))), 0)
    costs = {t.setting.id: (1000.0, 20) for t in (*trials, other)}
    # measured: 1000 ns x 20 side by side x 100,000
    assert filming_seconds(trials, costs) == pytest.approx(2.0)
    assert filming_seconds([*trials, other], costs) == pytest.approx(4.0)
    assert 0.01 < filming_seconds(trials, {}) < 0.2
    small = [Trial(replace(t.setting, budget=400), 0) for t in (*trials, other)]
    slow = {t.setting.id: (1e6, 1) for t in small}
    # 400 samples x 1 ms: 0.4 s, 2 trials of a stack 0.8 s
    reel = film_within(small, [0, 400], slow, 0.9)
    assert list(reel.films) == [t.setting.id for t in small[:2]]
    assert list(reel.reasons) == [small[2].setting.id]


def test_what_goes_wrong_with_one_setting_is_a_note(tmp_path, monkeypatch):
    gone = tmp_path / "gone.csv"
    gone.write_text("x,y,kind\n" + "".join(f"{i},{i % 7},{'ab'[i % 2]}\n" for i in range(40)))
    lost = make_setting(data=DATA["table"](path=str(gone), label="kind"), features=Terms())
    sound = make_setting()
    trials, records, ids, names = a_sweep(monkeypatch, tmp_path, lost, sound)
    gone.unlink()

    def read_again(meta):
        if meta["setting"] == lost.id:
            lost.data.problem()
        return sound

    monkeypatch.setattr("nnrun.pictures.film.setting_of", read_again)
    shown = behaviour(trials, records, ids, names)
    assert [row.setting for row in shown.rows] == [sound.id]
    assert len(shown.failures) == 5
    for failure in shown.failures:
        assert bool(failure.png) == (failure.setting == sound.id)
    (note,) = shown.notes
    assert note.startswith("setting 0: its network cannot be drawn: path=")
    assert "gone.csv" in note
    unknown = behaviour(trials, {}, ids, names)
    assert unknown.rows == []
    assert all("no record has seed" in note for note in unknown.notes)


def test_an_error_in_training_again_leaves_the_end(tmp_path, monkeypatch):
    sweep = a_sweep(monkeypatch, tmp_path, make_setting())

    def broken(*arguments):
        raise RuntimeError("a component is\nbroken")

    monkeypatch.setattr("nnrun.pictures.replay.shoot_together", broken)
    shown = behaviour(*sweep)
    assert shown.notes == ["setting 0: only the end is shown: a component is broken."]
    assert shown.rows[0].last.png

    def slow(*arguments):
        raise TrainingStopped

    monkeypatch.setattr("nnrun.pictures.replay.shoot_together", slow)
    assert "longer than estimated" in behaviour(*sweep).notes[0]


def test_problems_without_a_plane_have_their_network_and_a_reason(tmp_path, monkeypatch):
    iris = make_setting(data=DATA["iris"](), features=Terms(), budget=60)
    sine = make_setting(data=DATA["sine"](), features=Terms(), budget=60)
    shown = behaviour(*a_sweep(monkeypatch, tmp_path, iris, sine))
    assert shown.notes == [
        "setting 0: no decision surface: iris has 4 inputs and no plane of x and y."
    ]
    flat, line = shown.rows
    assert (flat.frames, flat.last.png, flat.layers) == ([], b"", [])
    assert flat.diagram
    assert [frame.samples for frame in line.frames] == shown.moments
    assert all(frame.png for frame in line.frames)
    for draw in FIGURES.values():
        assert canvas.png(draw(shown))


def test_a_small_surface_has_the_classes_the_line_and_the_dots():
    setting = make_setting(features=Terms(("x", "y")))
    upper = (Layer(np.array([[[0.0], [1000.0]]]), np.array([[[-500.0]]])),)
    bare = replace(setting, network=replace(setting.network, hidden=()))
    surface = surface_of(plane_of(bare, CELLS), upper, bare)
    written = surface_png(surface, (0.0, 1.0), np.array([[0.5, 0.9]]))
    with Image.open(io.BytesIO(written)) as image:
        pixels = np.asarray(image.convert("RGB"))
    dark = (pixels == [int(INK[i : i + 2], 16) for i in (1, 3, 5)]).all(axis=2)
    # class 1, blue, is above; the line is between the middle rows; one dot lies above it
    assert pixels[2, 2].tolist() == [0, 114, 178]
    assert pixels[-3, 2].tolist() == [213, 94, 0]
    assert dark[CELLS // 2].all()
    assert dark.sum() == CELLS + 1
    assert written == surface_png(surface, (0.0, 1.0), np.array([[0.5, 0.9]]))
    assert len(written) < 3000


def test_a_diverged_network_is_drawn_as_undecided(tmp_path, monkeypatch):
    wild = make_setting(lr=1e300, network=replace(make_setting().network, activation="relu",
                        output="linear"))  # fmt: skip
    shown = behaviour(*a_sweep(monkeypatch, tmp_path, wild))
    assert {f.words for f in shown.failures} == {"diverged"}
    assert {f.final for f in shown.failures} == {"no finite loss"}
    assert all(f.png for f in shown.failures)
    assert shown.captions["failures"].startswith("3 of 3 trained trials did not reach the target")
    for draw in FIGURES.values():
        assert canvas.png(draw(shown))


def test_nothing_to_show_is_no_error():
    empty = behaviour(table(), {}, [], {})
    assert (empty.rows, empty.failures, empty.moments, empty.notes) == ([], [], [], [])
    assert set(empty.captions.values()) == {""}
