"""What a careful friend would say of some numbers, and what the page says: kind by kind."""

from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np
import pytest

from nnrun.errors import InputError
from nnrun.launch.required import meant, unmet
from nnrun.records.labels import describe
from nnrun.records.sweep import Sweep
from nnrun.report.sentences import amount
from nnrun.report.verdict import answer, statements
from nnrun.results.results import Results
from nnrun.statistics.drawn_sweeps import Cell
from nnrun.statistics.findings import finding, needed
from nnrun.statistics.sequences import Looks
from nnrun.statistics.stopping import stop
from nnrun.statistics.worlds import World, tally
from tests.unit.test_contrasts import BUDGET, INF, spread, sweep_of, trials_of


def seen(arms, **more):
    """What a sweep found whose settings, as (values, times by seed), the baseline first."""
    configs, times = zip(*arms, strict=True)
    restricted = [np.where(np.asarray(t) > BUDGET, INF, t) for t in times]
    trials, sweep = trials_of(*restricted), sweep_of(*configs, **more)
    labels = {s.id: s.label for s in sweep.settings}
    values = {s.id: s.config for s in sweep.settings}
    own = {key: trials["setting"].map(lambda i, k=key: values[i][k]) for key in configs[0]}
    return Results(trials.assign(label=trials["setting"].map(labels), **own), sweep)


def two(base, arm):
    return seen([({"lr": 0.1}, base), ({"lr": 0.3}, arm)])


def crossed(cells, keys=("a", "b")):
    """A grid of two factors: times by (level of the first, level of the second)."""
    return seen([(dict(zip(keys, levels, strict=True)), times) for levels, times in cells.items()])


def kind(results, key=""):
    table = results.contrasts
    rows = table[table["key"] == key] if key else table[table["family"] == "setting"]
    return rows.iloc[0]["verdict"]


def noise(n, sigma, seed):
    return np.exp(sigma * np.random.default_rng(seed).standard_normal(n))


def test_xor_is_not_later_than_and_it_is_not_learned():
    results = seen([({"data": d}, t) for d, t in zip(
        ("and", "or", "xor"), (spread(20, 60, 0.3), spread(20, 60, 0.3, 1), [INF] * 20), strict=True
    )])  # fmt: skip
    assert answer(results).partition("; ")[0] == (
        "No: data=xor does not converge within the budget, and data=and does"
    )
    told = statements(results)[2]
    assert told.plain == (
        "With data=xor the network learned in none of 20 tries, with data=and in 20 of 20 tries."
    )
    assert "times the samples" not in told.text
    assert "0 of 20 seeds (95% interval 0% to 16%) arrive" in told.text


def test_a_product_without_which_four_of_five_networks_never_learn():
    hidden = ["[2,1]", "[]", "[2]", "[4]", "[2,2]"]
    times = {("raw", h): [INF] * 30 if h != "[4]" else spread(30, 700, 0.2, 7) for h in hidden}
    times |= {("xy", h): spread(30, 200, 0.3, i) for i, h in enumerate(hidden)}
    results = crossed(times, ("features", "hidden"))
    assert kind(results, "features") == "depends"
    assert answer(results).startswith(
        "Yes: features=xy, against features=raw, alone converges at hidden=[2,1], hidden=[], "
        "hidden=[2] and hidden=[2,2], and is sooner at hidden=[4]"
    )
    told = statements(results)[0]
    assert told.plain.startswith("It depends on hidden: features=xy, against features=raw, alone ")
    assert "it is not pooled: at hidden=[2,1] it alone converges (30 of 30 against 0" in told.text


def test_warm_up_helps_a_shallow_network_and_harms_a_deep_one():
    times, factor = {}, {1: 0.9, 2: 1.02, 3: 1.15}
    for depth in factor:
        base = spread(40, 200, 0.25, depth)
        times[0, depth] = base
        times[100, depth] = base * factor[depth] * noise(40, 0.08, 10 + depth)
    results = crossed(times, ("warmup", "depth"))
    assert kind(results, "warmup") == "depends"
    assert "sooner at depth=1" in answer(results)
    assert "depth=3" in answer(results).partition("later at ")[2]
    within = results.contrasts[results.contrasts["within"] != ""]
    assert set(within[within["key"] == "warmup"]["within"]) == {"depth=1", "depth=2", "depth=3"}


def test_two_stuck_seeds_in_each_arm_hide_that_one_is_usually_sooner():
    base, arm = spread(20, 215, 0.5, 1), spread(20, 82, 0.5, 2)
    base[[3, 11]], arm[[5, 17]] = INF, INF
    results = two(base, arm)
    assert kind(results) == "usually sooner"
    told = statements(results)[1]
    assert "mostly learned sooner" in told.plain
    assert (
        "with lr=0.3 2 of 20 tries did not get there within the budget (with lr=0.1 2 of 20)"
        in told.plain
    )
    assert "so the tests of order and of means disagree" in told.text
    assert answer(results).endswith("than lr=0.1, but some seeds of both do not arrive.")


def test_a_bias_that_serves_one_gate_and_hinders_the_other():
    times = {}
    for i, gate in enumerate(("and", "nand")):
        for bias, slow in ((-2, i == 1), (2, i == 0)):
            times[gate, bias] = spread(30, 247 if slow else 100, 0.3, 5 + i)
    results = crossed(times, ("gate", "bias"))
    assert kind(results, "bias") == "depends"
    found = "bias=2, against bias=-2, is later at gate=and, and is sooner at gate=nand"
    assert found in answer(results)


def test_adam_is_not_better_at_a_rate_at_which_it_is_worse():
    times = {("sgd", 0.05): spread(25, 600, 0.2, 1), ("sgd", 0.5): spread(25, 100, 0.2, 2)}
    times |= {("adam", 0.05): spread(25, 90, 0.2, 3), ("adam", 0.5): spread(25, 200, 0.2, 4)}
    results = crossed(times, ("optimizer", "lr"))
    assert kind(results, "optimizer") == "depends"
    assert answer(results).startswith("It depends: ")
    found = "optimizer=adam, against optimizer=sgd, is sooner at lr=0.05, and is later at lr=0.5"
    assert found in answer(results)


def arms(n, base, arm, stuck=(0, 0), seed=0, sigma=(0.3, 0.3)):
    """Two arms of n seeds with these medians, of which some seeds get stuck."""
    found = []
    for i, median in enumerate((base, arm)):
        times = spread(n, median, sigma[i], seed + i)
        times[np.random.default_rng(seed + 50 + i).permutation(n)[: stuck[i]]] = INF
        found.append(times)
    return two(*found)


LIKE = {
    "arrives": [
        partial(arms, 20, 500, 300, (20, 0)),
        partial(arms, 20, 500, 300, (18, 2), 3),
        partial(arms, 30, 500, 600, (29, 9), 5),
        partial(arms, 50, 100, 100, (46, 5), 7),
    ],
    "fails": [
        partial(arms, 20, 500, 300, (0, 20)),
        partial(arms, 25, 100, 50, (3, 24), 3),
        partial(arms, 40, 700, 300, (10, 37), 5),
        partial(arms, 100, 300, 100, (20, 95), 7),
    ],
    "sooner": [
        partial(arms, 20, 400, 200),
        partial(arms, 30, 300, 200, (0, 0), 2),
        partial(arms, 50, 400, 300, (5, 1), 4),
        partial(arms, 100, 300, 240, (0, 0), 6),
    ],
    "later": [
        partial(arms, 20, 200, 400),
        partial(arms, 30, 200, 300, (0, 1), 2),
        partial(arms, 50, 300, 420, (1, 8), 4),
        partial(arms, 100, 240, 300, (0, 0), 6),
    ],
    "same": [
        partial(arms, 100, 300, 300, (0, 0), 8, (0.1, 0.1)),
        partial(arms, 40, 300, 303, (0, 0), 9, (0.05, 0.05)),
        partial(arms, 400, 300, 306, (0, 0), 3, (0.2, 0.2)),
        partial(arms, 30, 20, 20, (0, 0), 11, (0.08, 0.08)),
    ],
    "usually sooner": [
        partial(arms, 20, 200, 80, (2, 2), 1, (0.4, 0.4)),
        partial(arms, 30, 200, 60, (2, 4), 3, (0.4, 0.4)),
        partial(arms, 40, 100, 50, (3, 5), 5),
        partial(arms, 60, 100, 30, (0, 12), 7),
    ],
    "usually later": [
        partial(arms, 20, 80, 200, (2, 2), 2, (0.4, 0.4)),
        partial(arms, 30, 60, 200, (4, 2), 3, (0.4, 0.4)),
        partial(arms, 40, 50, 100, (5, 3), 5),
        partial(arms, 60, 30, 100, (12, 0), 7),
    ],
    "unsure": [
        partial(arms, 20, 300, 290, (0, 0), 1, (0.5, 0.5)),
        partial(arms, 25, 300, 330, (2, 3), 2, (0.5, 0.5)),
        partial(arms, 20, 500, 450, (8, 9), 4),
        partial(arms, 40, 300, 310, (1, 1), 9, (0.8, 0.8)),
    ],
}


@pytest.mark.parametrize(("like", "draw"), [(k, d) for k, ds in LIKE.items() for d in ds])
def test_a_kind_of_finding_is_what_its_numbers_look_like(like, draw):
    results = draw()
    assert kind(results) == like
    (told,) = (one for one in statements(results) if one.claim)
    assert told.plain
    assert "nan" not in told.text + told.plain


FACTORS = {  # by level of the other factor: ratio of the medians of a=1 and a=0
    "depends": [(0.5, 2.0), (0.6, 1.0), (1.5, 1.0, 0.6), (0.3, 0.3, 2.5)],
    "sooner": [(0.5, 0.5), (0.2, 0.6), (0.5, 0.6, 0.7), (0.8, 0.6)],
    "later": [(2.0, 2.0), (1.5, 4.0), (1.3, 1.6, 2.0), (1.4, 1.4)],
    "same": [(1.0, 1.0), (1.02, 1.0), (1.0, 0.98, 1.0), (0.99, 1.01)],
}


@pytest.mark.parametrize(("like", "ratios"), [(k, r) for k, rs in FACTORS.items() for r in rs])
def test_levels_that_agree_are_pooled_and_others_are_told_apart(like, ratios):
    times = {}
    for b, times_more in enumerate(ratios):
        base = spread(40, 150 + 20 * b, 0.15, b)
        times |= {(0, b): base, (1, b): base * times_more * noise(40, 0.1, 20 + b)}
    cells = {levels: times[levels] for levels in product((0, 1), range(len(ratios)))}
    assert kind(crossed(cells), "a") == like


def test_what_is_pooled_says_where_it_may_not_be_alike():
    # with x·y it is 1.7 times as quick under sgd, with adam a little more: what is not sure
    times = {}
    for rule, gain in (("sgd", 0.6), ("adam", 0.45)):
        for inputs, quick in (("raw", 1.0), ("xy", gain)):
            several = spread(30, 150 * quick, 0.5, 20 + len(times))
            several[::10] = INF
            times[inputs, rule] = several
    results = crossed(times, ("features", "optimizer"))
    row = results.contrasts[results.contrasts["key"] == "features"].iloc[0]
    assert row["p_depends"] < 0.05 <= row["p_depends_holm"]
    assert row["verdict"] == "sooner"
    told = statements(results)[0]
    assert told.plain.endswith("It may depend on optimizer.")
    assert "report.within=optimizer compares at each of its levels." in told.text


def test_within_a_key_levels_are_compared_one_by_one():
    cells = list(product((0, 1), (0, 1)))
    times = {(a, b): spread(25, (300, 150)[a] * (1 + b), 0.2, 2 * b + a) for a, b in cells}
    pooled = crossed(times)
    assert (pooled.contrasts["within"] == "").all()
    results = Results(pooled.trials, replace(pooled.sweep, within="b"))
    within = results.contrasts[results.contrasts["family"] == "within"]
    assert within["within"].tolist() == ["b=0", "b=1"]
    assert (within["verdict"] == "sooner").all()
    # at one level it is what a sweep of that level alone would find, but for Holm
    alone = seen([({"a": a}, times[a, 0]) for a in (0, 1)]).contrasts.iloc[0]
    for name in ("ratio", "ratio_low", "ratio_high", "p", "sooner", "n_a", "pairs"):
        assert within.iloc[0][name] == pytest.approx(alone[name])
    assert answer(results) == "Yes: a=1 at b=0 and a=1 at b=1 converge sooner than a=0."


def test_seeds_that_would_be_needed_are_enough_four_times_in_five():
    # at the true ratio and spread: of a log-normal, squared coefficient of variation
    error = (2 * (np.exp(0.5**2) - 1) / 25) ** 0.5
    row = {"error": error, "pairs": 25, "ratio": 0.8, "discordant": 25, "level": 0.05}
    row |= {"n_a": 25, "n_b": 25, "reached_a": 25, "reached_b": 25, "margin": 0.1}
    # the second look at them
    found = stop(Cell(0, ratio=1 / 0.8), 200, [25, int(needed(row))], Looks())
    assert 0.7 <= found.claimed(-1) <= 0.93


def test_what_is_the_same_goes_by_the_margin_and_is_told_with_it():
    results = arms(100, 300, 300, seed=8, sigma=(0.1, 0.1))
    row = results.contrasts.iloc[0]
    assert (row["verdict"], row["margin"]) == ("same", 0.1)
    wide = max(row["ratio_high"], 1 / row["ratio_low"]) - 1
    for margin, found in ((1.01 * wide, "same"), (0.99 * wide, "unsure")):
        assert kind(Results(results.trials, replace(results.sweep, margin=margin))) == found
    quarter = Results(results.trials, replace(results.sweep, margin=0.25))
    assert answer(quarter) == "The same: lr=0.3 converges as soon as lr=0.1, to within 25%."
    told = statements(quarter)[1]
    assert told.plain == (
        "With lr=0.3 and with lr=0.1 the network took the same training, to within 25%."
    )
    assert "The same within 25%: " in told.text
    assert unmet(quarter, "same(lr=0.3)") == ""
    assert unmet(quarter, "sooner(lr=0.3)").endswith("found was 'the same within 25%'")


@pytest.mark.parametrize(("margin", "sigma"), [(0.2, 0.2), (0.1, 0.105)])
def test_what_is_a_whole_margin_apart_is_hardly_ever_called_the_same(margin, sigma):
    # an interval that holds 1 just fits below the margin, where the chance of it is largest
    about = {"seeds": 40, "correlation": 0.0, "sigma": (sigma,)}
    for ratio, side in ((1 + margin, "later"), (1 / (1 + margin), "sooner")):
        assert tally(World((side,), (ratio,), **about), 400, margin=margin).wrong <= 0.05
    alike = World(("same",), (1.0,), **about)
    assert tally(alike, 200, margin=2 * margin).found > 0.9
    assert tally(alike, 200, margin=margin / 4).found < 0.1


def test_a_ratio_in_words():
    assert [amount(x) for x in (0.01, 0.34, 0.52, 0.98, 1.02, 1.5, 2.1, 3.4, 1520)] == [
        "less than a twentieth of the training",
        "about a third of the training",
        "about half the training",
        "slightly less training",
        "slightly more training",
        "about one and a half times the training",
        "about twice the training",
        "about 3 times the training",
        "about 2,000 times the training",
    ]


def test_what_is_required_is_found_or_why_not():
    results = arms(20, 400, 200)
    assert unmet(results, "sooner(lr=0.3)") == unmet(results, "not_later( lr=0.3 )") == ""
    assert unmet(results, "later(lr=0.3)").endswith("and found was 'sooner'")
    assert "'lr=0.7' is not compared with anything (compared are lr=0.3)" in unmet(
        results, "same(lr=0.7)"
    )


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("warmup=2000", "warmup=2000"),
        ("schedule.warmup=2000", "warmup=2000"),
        ("warmup=2e3 at network.hidden=[4, 4]", "warmup=2000 at hidden=[4,4]"),
        ("schedule.warmup=2000 hidden=[2]", "hidden=[2] warmup=2000"),
    ],
)
def test_an_arm_is_known_by_its_short_and_by_its_whole_name(asked, name):
    several = [
        {"network.hidden": h, "schedule.warmup": w} for h in ([2], [4, 4]) for w in (0, 2000)
    ]
    sweep = Sweep("running", **describe({str(i): config for i, config in enumerate(several)}))
    assert meant(sweep, f"sooner({asked})") == name
    for other, why in (
        ("warmup=0", "is what the others are compared with"),
        ("warmup=5", "is not"),
    ):
        with pytest.raises(
            InputError, match=f"'{other}' {why}.*compared are hidden=.2. warmup=2000"
        ):
            meant(sweep, f"sooner({other})")


def test_every_kind_is_found_of_a_row():
    assert finding({"why": "for a reason"}) == "incomparable"
    assert finding({"why": "", "pairs": 19, "sequential": False}) == "few"
    assert finding({"why": "", "pairs": 1, "sequential": True}) == "few"
