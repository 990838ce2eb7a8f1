import numpy as np
import pytest
from scipy import stats

from nnrun.records.sweep import Sweep
from nnrun.statistics import calibration, contrasts, findings
from nnrun.statistics.calibration import (
    REPEATS,
    calibrate,
    cells,
    contrasts_of,
    main,
    power_cells,
    short_cells,
)
from nnrun.statistics.drawn_sweeps import ENDLESS, Cell, draw, false_claim_limit
from nnrun.statistics.worlds import SHORT, WORLDS, tally


def least(share, n):
    """The fewest of n that a share gives in all but one case in a thousand."""
    return stats.binom.ppf(0.001, n, share)


def test_arms_alike_are_seldom_told_apart_and_intervals_hold_the_truth():
    cell = short_cells()["A/A, 20 seeds, 30% censored, paired, coarse grid"]
    found = calibrate(cell, 1000)
    assert found.claims == found.wrong
    assert found.claims <= false_claim_limit(1000)
    for name, share in found.coverage.items():
        assert share * 1000 >= least(0.93, 1000), name


def false_claims(cell, repeats=REPEATS):
    """The share of sweeps in which a contrast is claimed; those that `calibrate` draws."""
    rng = np.random.default_rng([calibration.STREAM, *repr(cell).encode()])
    table = contrasts_of(cell, draw(cell, repeats, rng), repeats)
    return table["verdict"].isin(findings.CLAIMS).mean()


@pytest.mark.parametrize("cell", short_cells().values(), ids=short_cells())
def test_claims_of_so_many_sweeps_are_false_seldom_enough(cell):
    assert false_claims(cell) <= false_claim_limit(REPEATS)


def test_a_true_rate_of_eight_in_a_hundred_is_noticed(monkeypatch):
    most = np.floor(false_claim_limit(REPEATS) * REPEATS)
    assert stats.binom.sf(most, REPEATS, 0.08) > 0.99
    assert stats.binom.sf(most, REPEATS, 0.05) < 0.002
    # the test is exact, so that a claim wherever it says p < 0.08 is false in 8 of 100
    monkeypatch.setattr(contrasts, "finding", lambda row: "sooner" if row["p"] < 0.08 else "unsure")
    found = false_claims(short_cells()["A/A, 20 seeds"])
    assert least(0.08, REPEATS) <= found * REPEATS <= stats.binom.ppf(0.999, REPEATS, 0.08)
    assert found > false_claim_limit(REPEATS)


def test_a_rule_that_claims_too_often_ends_the_command_with_1(monkeypatch, capsys):
    monkeypatch.setattr(contrasts, "finding", lambda row: "sooner" if row["p"] < 0.1 else "unsure")
    monkeypatch.setattr(calibration, "SHORT", ())
    monkeypatch.setattr(calibration, "short_cells", lambda: {"A/A, 14 seeds": Cell(14)})
    assert main(["--short", "--repeats", "1000", "--tables", "claims"]) == 1
    assert "1 of 1 is above" in capsys.readouterr().out


@pytest.mark.parametrize("name", SHORT)
def test_headlines_are_seldom_wrong(name):
    found = tally(WORLDS[name], 300)
    assert found.wrong <= false_claim_limit(300)
    assert found.found >= 0.95 or WORLDS[name].right == ("same",)


def test_a_rule_that_goes_by_the_order_alone_is_noticed(monkeypatch):
    monkeypatch.setattr(
        contrasts, "finding", lambda row: "sooner" if row["p_order"] < 0.2 else "unsure"
    )
    assert tally(WORLDS["alike, 10% get stuck"], 300).wrong > false_claim_limit(300)


def test_sweeps_analysed_together_are_what_they_are_alone():
    cell = Cell(20, 0.3, 5, 0.5, arms=3)
    trials = draw(cell, 4, np.random.default_rng(3))
    together = contrasts_of(cell, trials, 4)
    size = cell.arms * cell.seeds
    for i in range(4):
        mine = trials.iloc[i * size : (i + 1) * size]
        settings = [{"id": f"{i}/{arm}", "label": "", "config": {"arm": arm}} for arm in range(3)]
        alone = contrasts.contrasts(mine, Sweep.of({"settings": settings, "varying": ["arm"]}))
        for name in ("ratio", "ratio_low", "ratio_high", "p", "p_holm", "logrank", "detectable"):
            found = together[name][2 * i : 2 * i + 2]
            np.testing.assert_allclose(found, alone[name], rtol=1e-9, err_msg=name)


def test_a_true_ratio_is_found():
    repeats = 150
    found = calibrate(Cell(30, 0.0, 0, 0.5, ratio=1.5), repeats)
    assert found.claims * repeats >= least(0.94, repeats)
    assert found.wrong == 0
    assert found.coverage["ratio"] * repeats >= least(0.93, repeats)


@pytest.mark.parametrize("per_decade", [0, 5])
@pytest.mark.parametrize("censored", [0.0, 0.3, 0.6])
def test_truths_agree_with_a_huge_sample(censored, per_decade):
    cell = Cell(200_000, censored, per_decade, 0.5, 0.8, 1.5)
    trials = draw(cell, 1, np.random.default_rng(0))
    times = trials["samples_to_target"].fillna(cell.budget).to_numpy().reshape(2, -1)
    np.testing.assert_allclose(cell.means(), times.mean(axis=1), rtol=0.01)
    reached = (trials["status"] == "reached").to_numpy().reshape(2, -1)
    np.testing.assert_allclose(cell.success(), reached.mean(axis=1), atol=0.005)
    sooner = ((times[1] < times[0]) + (times[1] == times[0]) / 2).mean()
    assert cell.sooner() == pytest.approx(sooner, abs=0.006)
    if not per_decade:
        assert 1 - reached[0].mean() == pytest.approx(censored, abs=0.005)
        assert np.corrcoef(np.log(times))[0, 1] == pytest.approx(0.5, abs=0.15)


def test_cells_cover_what_is_asked():
    null = cells([20, 30])
    assert all(cell.ratio == 1 for cell in null.values())
    assert {cell.censored for cell in null.values()} == {0.0, 0.3, 0.6}
    assert max(cell.arms for cell in null.values()) == 6
    assert all(cell.ratio == 1.5 for cell in power_cells().values())
    assert Cell(20).budget == ENDLESS


def test_the_command_prints_a_table_and_says_how_to_be_called(capsys):
    assert main(["--repeats", "2", "--seeds", "4", "--tables", "claims,kinds"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    n = len(cells([4])) + len(power_cells())
    assert sum(line.startswith("| ") for line in lines) == n + 2 + len(WORLDS) + 2
    assert {line.count("|") for line in lines[: n + 2]} == {9}
    assert f"1 of {n}" in err
    assert lines[n + 3].startswith("2 sweeps a world. Claims in A/A worlds are false")
    assert lines[-1].startswith("2 sweeps a world. A headline is wrong that claims another kind")
    with pytest.raises(SystemExit):
        main(["--seeds", "twenty"])
    assert "--seeds: 'twenty' is no list of whole numbers" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--tables", "claims,look"])
    assert "no table is called 'look'; there are claims, kinds, looks" in capsys.readouterr().err
    assert false_claim_limit(1000) == pytest.approx(0.0713, abs=1e-4)
