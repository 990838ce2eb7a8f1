import numpy as np
import pandas as pd

from nnrun.statistics.curves import target_times


def curves(*accuracies):
    rows = [
        {"setting": "s", "seed": seed, "samples": samples, "accuracy": value}
        for seed, values in enumerate(accuracies)
        for samples, value in zip((10, 20, 40, 80), values, strict=True)
    ]
    return pd.DataFrame(rows).assign(train_loss=0.1, test_loss=0.1)


def test_quartiles_of_times_in_which_a_seed_that_does_not_hold_counts_as_never():
    table = target_times(
        curves(
            [0.5, 0.9, 0.9, 0.9],  # holds 0.9 from 20 on
            [0.9, 0.5, 0.9, 0.9],  # touches it at 10, holds from 40 on
            [0.9, 0.9, 0.9, 0.9],  # from 10 on
            [0.5, 0.5, 0.5, 0.9],  # at the last evaluation only: not seen to hold
        ),
        [0.5, 0.9],
        hold=2,
    )
    easy, hard = table.to_dict("records")
    assert (easy["q25"], easy["median"], easy["q75"]) == (10.0, 10.0, 10.0)
    # 10, 20, 40, never
    assert (hard["q25"], hard["median"], hard["q75"]) == (17.5, 30.0, np.inf)


def test_after_divergence_nothing_is_reached():
    table = target_times(curves([0.9, np.nan, np.nan, np.nan]), [0.9], hold=2)
    assert np.isinf(table["median"][0])
