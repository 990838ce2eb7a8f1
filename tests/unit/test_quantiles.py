import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnrun.statistics.quantiles import group_quantiles, quantile_with_failures

INF, NAN = math.inf, math.nan


@given(
    st.lists(st.floats(0, 1e6), min_size=1, max_size=40),
    st.sampled_from([0, 0.1, 0.25, 0.5, 0.55, 0.9, 1]),
)
def test_quantile_of_finite_values_agrees_with_numpy(values, q):
    assert quantile_with_failures(values, q) == pytest.approx(np.quantile(values, q), abs=1e-6)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([1, 2, INF], 0.5, 2),  # exactly on an order statistic: the failure has no weight
        ([1, 2, INF, INF], 0.5, INF),
        ([1, NAN, NAN], 0.5, INF),
        ([INF, INF], 0.0, INF),
        ([4], 0.9, 4),
        ([1] * 56 + [INF] * 45, 0.55, 1),  # 0.55 * 100 is not 55 in floating point
    ],
)
def test_quantile_counts_failures_as_infinite(values, q, expected):
    assert quantile_with_failures(values, q) == expected


def test_quantile_of_nothing_is_refused():
    with pytest.raises(ValueError, match="no trial"):
        quantile_with_failures([], 0.5)


def test_quantiles_of_groups_agree_with_numpy_and_are_nan_where_a_group_is_empty():
    rng = np.random.default_rng(0)
    group = rng.choice([0, 1, 3, 4], 300)
    values = rng.random(300)
    found = group_quantiles(values, group, 5, (0.1, 0.5, 0.77))
    for g in (0, 1, 3, 4):
        truth = np.quantile(values[group == g], (0.1, 0.5, 0.77))
        np.testing.assert_allclose(found[:, g], truth, rtol=1e-12)
    assert np.isnan(found[:, 2]).all()


def test_quantiles_of_groups_keep_the_failures_of_one_out_of_the_other():
    found = group_quantiles([1, NAN, 2, 3], np.array([0, 0, 1, 1]), 2, (0.5, 1.0))
    assert found.tolist() == [[INF, 2.5], [INF, 3.0]]
