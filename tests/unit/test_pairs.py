"""The test matrices' own matrix."""

from itertools import combinations, product

from nnrun.network.optimizers import OPTIMIZERS
from nnrun.network.schedules import SCHEDULES
from tests.pairs import all_pairs, every, every_loss, fits, network_factors


def pairs_of(rows):
    return {frozenset(pair) for row in rows for pair in combinations(row.items(), 2)}


def test_three_factors_of_two_take_four_rows():
    rows = all_pairs({"a": "xy", "b": "xy", "c": "xy"})
    assert len(rows) == 4
    assert len(pairs_of(rows)) == 12


def test_every_pair_that_can_meet_meets_and_no_other():
    factors = {
        "optimizer": every(OPTIMIZERS),
        "schedule": every(SCHEDULES),
        "loss": every_loss(),
        **network_factors(),
    }
    rows = all_pairs(factors, fits)
    assert all(fits(row) and row.keys() == factors.keys() for row in rows)
    for one, other in combinations(factors, 2):
        for v, w in product(factors[one], factors[other]):
            met = any(row[one] == v and row[other] == w for row in rows)
            assert met == fits({one: v, other: w}), (one, v, other, w)
    largest = sorted(map(len, factors.values()))[-2:]
    assert len(rows) < 1.5 * largest[0] * largest[1]
    assert rows == all_pairs(factors, fits)
