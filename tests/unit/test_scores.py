"""ROC AUC and F1 of final networks, against scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from nnrun.results.scores import f1, roc_auc


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("digits", [1, 12], ids=["tied", "apart"])
def test_they_are_those_of_another_library(seed, digits):
    rng = np.random.default_rng(seed)
    truth = rng.random(200) < 0.3
    outputs = np.round(rng.normal(size=200) + truth, digits)
    assert roc_auc(outputs, truth) == pytest.approx(roc_auc_score(truth, outputs), rel=1e-12)
    assert f1(outputs >= 0.5, truth) == pytest.approx(f1_score(truth, outputs >= 0.5), rel=1e-12)


def test_what_cannot_be_measured_is_no_number_and_what_diverged_is_the_worst():
    same = np.ones(3, dtype=bool)
    assert np.isnan(roc_auc(np.arange(3.0), same))
    assert np.isnan(f1(~same, ~same))
    assert roc_auc(np.array([0.1, np.nan, 0.9]), np.array([False, True, True])) == 0
    assert f1(~same, same) == 0
