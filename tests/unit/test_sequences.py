import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from nnrun.records.sweep import Sweep
from nnrun.statistics.findings import finding
from nnrun.statistics.measures import measure
from nnrun.statistics.sequences import (
    SHAPE,
    Looks,
    evidence,
    looks_of,
    sequential_test,
    share_interval,
    standard_errors,
)

PLANNED = Looks(10, 30)


def flipped(sizes):
    """The same pairs with each combination of signs, which are alike if the arms are."""
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=len(sizes)))).T
    return signs * np.asarray(sizes)[:, None]


@pytest.mark.parametrize("sizes", [np.ones(12), np.linspace(0, 3, 12), np.exp(np.arange(12.0))])
def test_over_all_swaps_a_stake_is_neither_won_nor_lost(sizes):
    apart = flipped(sizes)
    made = np.exp(np.stack(evidence(apart)))
    np.testing.assert_allclose(made.mean(axis=2), 1, rtol=1e-9)
    p, _ = sequential_test(apart, Looks())
    for level in (0.5, 0.1, 0.05, 0.01):
        assert (p <= level).mean() <= level


def test_the_stake_does_not_depend_on_the_unit_and_tells_the_side():
    apart = np.random.default_rng(1).normal(0.7, 1, (40, 3))
    p, side = sequential_test(apart, Looks())
    assert (p < 0.05).all()
    assert (side == 1).all()
    again, other = sequential_test(-1000 * apart, Looks())
    np.testing.assert_allclose(again, p)
    assert (other == -1).all()
    never, none = sequential_test(np.zeros((40, 1)), Looks())
    assert never == 1
    assert none == 0


@pytest.mark.parametrize("looks", [Looks(), PLANNED, Looks(1, 30)])
def test_what_was_shown_at_a_look_stays_shown(looks):
    rng = np.random.default_rng(2)
    apart = np.concatenate([rng.normal(1.2, 1, (20, 50)), rng.normal(-1, 1, (10, 50))])
    steps = range(looks.every or 1, 31, looks.every or 1)
    p = np.stack([sequential_test(apart[:n], looks)[0] for n in steps])
    assert (np.diff(p, axis=0) <= 1e-12).all()


def test_the_planned_bound_is_that_of_the_multivariate_normal():
    at = np.array([10.0, 20.0, 30.0])
    correlation = np.sqrt(np.minimum.outer(at, at) / np.maximum.outer(at, at))
    # a bound in the form of Wang and Tsiatis, at the errors that intervals have with many pairs
    scale = Looks(1_000_000, 3_000_000)
    bound = np.array([standard_errors(int(n * 1e5), scale) for n in at])
    np.testing.assert_allclose(bound / bound[-1], (at / 30) ** -SHAPE, rtol=1e-3)
    within = multivariate_normal(cov=correlation).cdf(bound, lower_limit=-bound)
    assert 1 - within == pytest.approx(0.05, abs=0.002)
    assert standard_errors(10**6, Looks(10**6, 10**6)) == pytest.approx(1.96, abs=0.02)


def test_planned_looks_are_false_in_one_of_twenty_together():
    rng = np.random.default_rng(3)
    p, _ = sequential_test(rng.standard_t(4, (30, 20_000)), PLANNED)
    assert 0.03 < (p <= 0.05).mean() < 0.0535  # 3 standard errors above


def test_bets_need_no_plan_where_it_has_many_looks():
    assert PLANNED.planned
    assert Looks(10, 600).planned
    assert not Looks(10, 610).planned
    assert not Looks().planned
    assert list(Looks(10, 25).until(25)) == [10, 20, 25]
    assert list(Looks(10, 25).until(20)) == [10, 20]


def test_a_sequence_is_told_from_one_look():
    assert looks_of(Sweep("complete")) is None
    assert looks_of(Sweep("complete", looks=[20])) is None
    assert looks_of(Sweep("complete", looks=[20, 50])) == Looks()
    auto = {"block": 10, "most": 30}
    assert looks_of(Sweep("complete", looks=[10], auto=auto)) == PLANNED
    assert looks_of(Sweep("complete", looks=[10, 20, 30], auto=auto)) == PLANNED
    assert looks_of(Sweep("complete", looks=[10, 15, 20], auto=auto)) == Looks()
    assert looks_of(Sweep("complete", looks=[10, 40], auto=auto)) == Looks()


@pytest.mark.parametrize("share", [0.02, 0.3, 0.5, 0.95])
def test_a_share_leaves_its_interval_in_one_of_twenty_sequences(share):
    """Exact: the chances of all counts after each trial, less those that have left."""
    chance, left = np.array([1.0]), 0.0
    for n in range(1, 301):
        chance = np.append(chance * (1 - share), 0) + np.append(0, chance * share)
        low, high = share_interval(np.arange(n + 1.0), n)
        out = (low > share) | (high < share)
        left += chance[out].sum()
        chance[out] = 0
    assert left <= 0.05
    assert left > 0.005  # and not for its being wide


def test_scores_that_tie_do_not_leave_their_interval_more_often():
    scores = np.random.default_rng(4).choice([0, 0.5, 1], size=(200, 4_000), p=[0.1, 0.4, 0.5])
    bounds = [share_interval(scores[:n].sum(axis=0), n) for n in range(1, 201)]
    out = np.array([(low > 0.7) | (high < 0.7) for low, high in bounds])
    assert out.any(axis=0).mean() <= 0.05


def test_a_mean_leaves_its_interval_in_one_of_twenty_sequences():
    x = np.random.default_rng(5).standard_normal((400, 10_000))
    n = np.arange(1, 401)[:, None]
    means = np.cumsum(x, axis=0) / n
    error = np.sqrt((np.cumsum(x**2, axis=0) / n - means**2) / np.maximum(n - 1, 1))
    wide = np.array([standard_errors(k, Looks()) for k in range(2, 401)])[:, None]
    out = (np.abs(means[1:]) > wide * error[1:]).any(axis=0).mean()
    assert 0.01 < out < 0.05


def test_means_that_gainsay_the_test_make_no_claim():
    row = {
        **{"why": "", "sequential": True, "pairs": 30, "p_holm": 0.001, "p_order_holm": np.nan},
        **{"ratio": 0.8, "ratio_low": 0.6, "ratio_high": 1.05, "margin": 0.1, "blocks": 1},
        **{"rarely_a": 0, "rarely_b": 0, "reached_a": 30, "n_a": 30, "reached_b": 30, "n_b": 30},
        **{"sooner": 0.8, "sooner_low": 0.6, "sooner_high": 0.9},
    }
    assert finding({**row, "error": 0.1}) == "sooner"
    assert finding({**row, "error": 0.2}) == "unsure"
    assert finding({**row, "error": 0.2, "p_order_holm": 0.01}) == "usually sooner"


def arms(*firsts):
    """Two arms of which the first arrives first, or not, pair by pair; as arrays for `measure`."""
    a = np.where(np.array(firsts), 100.0, 200.0)[:, None, None]
    return a, np.full(a.shape, 150.0)


def test_an_arm_that_was_first_and_no_longer_is_makes_no_claim_for_the_other():
    found = measure(*arms(*[False] * 15, *[True] * 20), looks=Looks())
    assert found["sooner"] > 0.5
    assert found["p_order"] == 1
    assert measure(*arms(*[False] * 15, *[True] * 5), looks=Looks())["p_order"] < 0.01


def test_of_two_pairs_hardly_anything_is_known_and_nothing_is_warned_of():
    found = measure(*arms(True, False), looks=Looks())
    assert found["ratio_low"] < 1e-6
    assert found["ratio_high"] > 1e6
    assert np.isnan(measure(*arms(True), looks=Looks())["ratio_low"])
