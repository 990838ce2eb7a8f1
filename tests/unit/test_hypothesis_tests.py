import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statsmodels.stats.multitest import multipletests

from nnrun.statistics.hypothesis_tests import holm, logrank

ARM = st.lists(st.tuples(st.integers(1, 8), st.booleans()), min_size=1, max_size=15)


def test_logrank_by_hand():
    # At 1: 2 + 2 at risk, one event in a: expected 1/2, variance 1/4. At 2: 1 + 2 at risk, events
    # one in each: expected 2/3, variance 2 * (1/3)(2/3) * (3 - 2)/(3 - 1) = 2/9.
    found = logrank([1, 2], [True, True], [2, 3], [True, False])
    assert found.statistic == pytest.approx((2 - 0.5 - 2 / 3) ** 2 / (0.25 + 2 / 9))


def test_logrank_of_freireichs_remissions_matches_the_textbook():
    # Freireich et al. 1963; Kleinbaum and Klein, Survival Analysis, print 16.793.
    events = [6, 6, 6, 7, 10, 13, 16, 22, 23]
    right = [6, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34, 35]
    placebo = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
    found = logrank(events + right, [True] * 9 + [False] * 12, placebo, [True] * 21)
    assert found.statistic == pytest.approx(16.793, abs=5e-4)
    assert found.p < 1e-4


@pytest.mark.parametrize("arm", [[5.0], [5.0, 5.0, 5.0]])
def test_logrank_without_an_event_finds_nothing(arm):
    assert logrank(arm, [False] * len(arm), [5.0, 5.0], [False, False]) == (0.0, 1.0)


def test_logrank_of_single_seeds_that_arrive_together_finds_nothing():
    assert logrank([4.0], [True], [4.0], [True]) == (0.0, 1.0)


@given(ARM, ARM)
def test_logrank_does_not_care_which_arm_comes_first(a, b):
    one, other = (np.array(arm).T for arm in (a, b))
    there, back = logrank(*one, *other), logrank(*other, *one)
    assert there.statistic == pytest.approx(back.statistic, abs=1e-9)
    assert 0 <= there.p <= 1


def test_logrank_refuses_what_is_no_arm():
    with pytest.raises(ValueError, match=r"times \(1,\) and observed \(2,\): need one shape"):
        logrank([1.0], [True, True], [1.0], [True])
    with pytest.raises(ValueError, match="n >= 1"):
        logrank([1.0], [True], [], [])


def test_holm_corrects_each_family_as_if_it_were_alone():
    rng = np.random.default_rng(5)
    p, family = rng.random(60) ** 3, rng.integers(7, size=60)
    p[::11] = np.nan
    found = holm(p, family)
    for one in range(7):
        own = (family == one) & ~np.isnan(p)
        np.testing.assert_allclose(found[own], multipletests(p[own], method="holm")[1])
    assert np.isnan(found[::11]).all()
    assert holm([]).size == 0
