"""Racing: who may still be the best is predicted well, and who may not gets no more seeds."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from nnrun.launch.racing import Arm, Race
from nnrun.statistics.racing import CHANCE, MARGIN, chances, looks
from tests.unit.test_tuning import a_job

TIMES = np.array([[10.0, 12.0, 9.0, 11.0], [11.0, 13.0, 8.0, 9.0], [90.0, 70.0, 80.0, 95.0]])


@pytest.mark.parametrize("most", [1, 2, 3, 20, 100, 1_000])
def test_looks_end_with_all_seeds_and_are_few(most):
    at = looks(most)
    assert at[-1] == most
    assert at == sorted(set(at))
    assert len(at) <= 9 + np.log(max(1.0, most / 8)) / np.log(1.18)


def test_predictions_come_true_as_often_as_they_say():
    # times that vary as much as they are long, whose ratio was drawn evenly from a wide range: what
    # is said at 12 of 20 seeds against what the sums of all 20 came to
    rng, ends, said = np.random.default_rng(0), [], []
    for _ in range(3_000):
        best, rival = rng.gamma(2.0, 50.0, (2, 20))
        rival *= np.exp(rng.uniform(-1.5, 1.5))
        said.append(chances(np.stack([best, rival])[:, :12], 0, 20)[1])
        ends.append(MARGIN * rival.sum() < best.sum())
    said, ends = np.array(said), np.array(ends)
    for low, high in ((0.0, 0.05), (0.05, 0.3), (0.3, 0.7), (0.7, 0.95), (0.95, 1.0)):
        some = (low <= said) & (said <= high)
        assert some.sum() > 200
        assert abs(said[some].mean() - ends[some].mean()) < 0.06


def test_chances_do_not_depend_on_the_unit_and_fall_with_the_time():
    found = chances(TIMES, 0, 20)
    assert_allclose(chances(1e6 * TIMES, 0, 20), found)
    assert found[1] > found[0] > found[2]
    slower = TIMES * [[1], [2], [1]]
    assert chances(slower, 0, 20)[1] < CHANCE < found[1]


def test_what_cannot_be_told_apart_has_an_even_chance():
    assert chances(np.zeros((2, 3)), 0, 20).tolist() == [0.5, 0.5]


def test_the_last_seed_decides_little():
    # 11 a seed for 10 a seed, without spread: at 3 seeds of 20 all is open, at 19 nothing is
    times = np.array([[10.0] * 19, [10.5] * 19])
    assert chances(times[:, :3], 0, 20)[1] > CHANCE > chances(times, 0, 20)[1]


LATE = 1e4


def a_race(times, most=20, falling=True, losses=None):
    """Run a race on given times, and losses, shape (choice, seed); from `LATE` on none arrived."""
    losses = times if losses is None else losses
    jobs = [a_job(seed=0, seeds=most)] * len(times)
    race = Race(Arm(0, [], [{"lr": i} for i in range(len(times))], jobs), falling)
    while asked := race.next():
        for i, job in asked.items():
            one, mine = race.entrants[i], times[i, list(job.trial_seeds)]
            if np.isnan(mine).any():
                one.error = "it broke"
            one.seeds += job.seeds
            one.times = np.append(one.times, mine)
            one.losses = np.append(one.losses, losses[i, list(job.trial_seeds)])
            one.reached += int((mine < LATE).sum())
        race.look()
    return race


def seeds(race):
    return [one.seeds for one in race.entrants]


def draw(rng, means, spread=0.5):
    """Draw log-normal times, which share a part of what a seed makes of them."""
    shared = rng.normal(0, spread / 2, 20)
    own = rng.normal(0, spread * np.sqrt(0.75), (len(means), 20))
    return np.array(means)[:, None] * np.exp(shared + own)


GRIDS = (
    [30, 9, 3, 1, 1.3, 4],  # rates three times apart
    [4, 2.5, 1.6, 1, 1.5, 2.2, 4, 9],
    [8, 8, 8, 1, 1.02, 8],  # two alike
    [1, 10, 100, 3, 30, 300, 1.2, 12, 120],  # two keys
)


def test_a_race_chooses_as_all_seeds_do_and_takes_a_third_of_them():
    rng, near, took = np.random.default_rng(1), [], []
    for means in 100 * GRIDS:
        times = draw(rng, means)
        race, full = a_race(times), times.mean(axis=1)
        near.append(full[race.best] <= 1.05 * full.min())
        took.append(sum(seeds(race)) / times.size)
    assert np.mean(near) >= 0.95
    assert np.mean(took) <= 0.35


def test_choices_that_fell_are_not_chosen_and_say_behind_whom():
    times = np.full((3, 20), [[40.0], [10.0], [11.0]]) + np.arange(20) % 3
    times[0, 5:] = 0.1  # too late
    race = a_race(times)
    assert race.best == 1
    assert [one.fell for one in race.entrants] == [True, False, True]
    assert [one.behind for one in race.entrants] == [1, None, 1]
    assert seeds(race)[0] < seeds(race)[2] == seeds(race)[1]
    full = a_race(times, falling=False)
    assert full.best == 0
    assert seeds(full) == [20, 20, 20]


def test_a_single_choice_needs_no_more_than_the_first_look():
    assert seeds(a_race(np.full((1, 20), 5.0))) == [2]
    assert seeds(a_race(np.full((1, 1), 5.0), most=1)) == [1]


def test_where_none_arrives_the_lower_loss_wins_the_race():
    rng = np.random.default_rng(0)
    late, losses = np.full((4, 20), LATE), np.array([[0.1], [0.3], [0.04], [0.05]])
    losses = losses * np.exp(rng.normal(0, 0.1, (4, 20)))
    losses[1, 3] = np.inf
    race = a_race(late, losses=losses)
    assert race.best == a_race(late, falling=False, losses=losses).best
    assert [one.fell for one in race.entrants[:2]] == [True, True]
    assert seeds(race)[:2] == [8, 10]
    assert seeds(race)[3] >= 8
    # a single arrival tells more than any loss, and whoever had it goes on
    late[0, 6] = 1.0
    assert not a_race(late, losses=losses).entrants[0].fell


def test_where_all_that_are_left_raise_those_that_fell_are_taken_back():
    times = np.full((3, 20), [[90.0], [10.0], [11.0]]) + np.arange(20) % 3
    times[1:, 2:] = np.nan
    race = a_race(times)
    assert race.best == 0
    assert [one.error for one in race.entrants] == ["", "it broke", "it broke"]
    assert not race.entrants[0].fell


def test_where_all_raise_none_is_chosen():
    race = a_race(np.full((2, 20), np.nan))
    assert race.best is None
    assert seeds(race) == [2, 2]
