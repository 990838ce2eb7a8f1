import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from nnrun.statistics import resampling
from nnrun.statistics.resampling import (
    MOST_WEIGHTS,
    RESAMPLES,
    bca,
    leave_one_out_means,
    resampled_means,
    seed_weights,
    t_quantile,
)

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("n", [1, 2, 20, 150])
def test_seed_weights_are_multinomial_counts(n):
    weights = seed_weights(n)
    assert weights.shape == (RESAMPLES, n)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(weights * n, np.rint(weights * n), atol=1e-9)
    # each seed is drawn about as often as any other, with the variance of a multinomial
    error = np.sqrt((n - 1) / n / RESAMPLES) + 1e-12
    assert np.abs(weights.mean(axis=0) * n - 1).max() < 5 * error
    np.testing.assert_allclose((weights * n).var(), (n - 1) / n, rtol=0.05)


def test_seed_weights_do_not_depend_on_what_was_drawn_before():
    before = seed_weights(7).copy()
    seed_weights.cache_clear()
    seed_weights(8)
    np.testing.assert_array_equal(seed_weights(7), before)
    with pytest.raises(ValueError, match="read-only"):
        seed_weights(7)[0, 0] = 1.0


def test_seed_weights_of_many_seeds_stay_in_memory():
    weights = seed_weights(10_000)
    assert weights.shape == (2_000, 10_000)
    assert weights.size <= MOST_WEIGHTS
    seed_weights.cache_clear()


def test_seed_weights_refuse_no_seeds():
    with pytest.raises(ValueError, match="n: 0 seeds; a resample needs at least one"):
        seed_weights(0)


@pytest.mark.parametrize("confidence", [0.8, 0.95])
@pytest.mark.parametrize("draw", ["lognormal", "exponential", "ties"])
def test_bca_agrees_with_scipy_given_its_resamples(draw, confidence):
    rng = np.random.default_rng(3)
    x = rng.integers(1, 5, 23).astype(float) if draw == "ties" else getattr(rng, draw)(size=23)
    truth = stats.bootstrap(
        (x,), np.mean, n_resamples=4_000, confidence_level=confidence, method="BCa", rng=rng
    )
    low, high = bca(
        x.mean(keepdims=True),
        truth.bootstrap_distribution[:, None],
        leave_one_out_means(x[:, None]),
        confidence,
    )
    interval = truth.confidence_interval
    assert (low[0], high[0]) == pytest.approx((interval.low, interval.high), rel=1e-9)


def test_bca_on_our_own_resamples_is_close_to_scipy():
    x = np.random.default_rng(4).lognormal(size=(30, 1))
    truth = stats.bootstrap((x[:, 0],), np.mean, n_resamples=100_000, method="BCa", rng=1)
    low, high = bca(x.mean(axis=0), seed_weights(30) @ x, leave_one_out_means(x))
    width = truth.confidence_interval.high - truth.confidence_interval.low
    assert low[0] == pytest.approx(truth.confidence_interval.low, abs=0.03 * width)
    assert high[0] == pytest.approx(truth.confidence_interval.high, abs=0.03 * width)


def test_bca_expanded_is_near_students_interval_of_normal_values():
    x = stats.norm.ppf((np.arange(25) + 0.5) / 25)[:, None]  # symmetric: no bias, no skew
    low, high = bca(x.mean(axis=0), seed_weights(25) @ x, leave_one_out_means(x), expanded=True)
    truth = stats.t.interval(0.95, 24, loc=0.0, scale=x.std(ddof=1) / 5)
    assert (low[0], high[0]) == pytest.approx(truth, rel=0.03)


def test_bca_of_values_without_variance_is_the_point():
    x = np.full((20, 1), 300.0)
    low, high = bca(x.mean(axis=0), seed_weights(20) @ x, leave_one_out_means(x), expanded=True)
    assert (low[0], high[0]) == pytest.approx((300.0, 300.0), rel=1e-12)


def test_bca_of_failures_is_infinite_where_they_are_many():
    # all fail; none does; one resample in five has no success
    estimate = np.array([INF, 5.0, 10.0, NAN])
    resampled = np.tile([INF, 5.0, 10.0, 1.0], (1_000, 1))
    resampled[:200, 2] = INF
    resampled[200:600, 2] = 8.0
    jackknife = np.tile([INF, 5.0, 10.0, 1.0], (5, 1))
    jackknife[0, 2] = INF
    low, high = bca(estimate, resampled, jackknife)
    np.testing.assert_array_equal(low, [INF, 5.0, 8.0, NAN])
    np.testing.assert_array_equal(high, [INF, 5.0, INF, NAN])


def test_an_infinite_value_of_the_jackknife_is_the_limit_of_a_large_one():
    rng = np.random.default_rng(0)
    resampled, jackknife = rng.random((999, 1)), rng.random((8, 1))
    bounds = []
    for value in (1e12, INF):
        jackknife[2] = value
        bounds.append(bca(np.array([0.6]), resampled, jackknife))
    np.testing.assert_allclose(bounds[0], bounds[1], rtol=1e-9)


@given(
    arrays.arrays(
        np.float64, st.tuples(st.integers(1, 25), st.just(3)), elements=st.floats(1.0, 1e6)
    )
)
def test_bca_bounds_are_ordered_and_within_the_values(x):
    low, high = bca(
        x.mean(axis=0), seed_weights(len(x), 500) @ x, leave_one_out_means(x), expanded=True
    )
    slack = 1e-9 * x.max(axis=0)
    assert (low <= high + slack).all()
    assert (x.min(axis=0) <= low + slack).all()
    assert (high <= x.max(axis=0) + slack).all()


def test_leave_one_out_means_by_hand():
    np.testing.assert_allclose(leave_one_out_means([[2.0], [4.0], [9.0]]), [[6.5], [5.5], [3.0]])
    assert leave_one_out_means([7.0]).tolist() == [7.0]


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 19, 30, 499])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.975, 0.999])
def test_t_quantile_agrees_with_scipy(share, degrees):
    assert t_quantile(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), abs=1e-9)


def test_t_quantile_refuses_what_it_cannot_find():
    with pytest.raises(ValueError, match=r"share 1, degrees 3: need 0\.5 <= share < 1"):
        t_quantile(1, 3)


def test_means_of_many_seeds_are_those_of_their_weights_piece_by_piece(monkeypatch):
    values = np.random.default_rng(5).lognormal(size=(700, 3))
    whole = resampled_means(values)
    np.testing.assert_array_equal(whole, seed_weights(700) @ values)
    monkeypatch.setattr(resampling, "MOST_WEIGHTS", 1_000)
    monkeypatch.setattr(resampling, "seed_weights", None)  # a matrix that would not fit
    pieces = resampled_means(values)
    assert pieces.shape == (1_000, 3)
    # the same draws in the same order
    np.testing.assert_allclose(pieces, whole[:1_000], rtol=1e-12)
