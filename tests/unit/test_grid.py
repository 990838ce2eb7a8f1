"""Grids: the cross product is Hydra's, zipped keys go side by side, draws have their laws."""

import numpy as np
import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nnrun.errors import InputError
from nnrun.hydra_ext.grid import plan_grid
from nnrun.hydra_ext.planning import read_tuning


def parsed(*arguments):
    return OverridesParser.create().parse_overrides(list(arguments))


def plan(*arguments, zip=(), random=None, seed=0):
    return plan_grid(parsed(*arguments), {"zip": list(zip), "random": random, "seed": seed})


def drawn(argument, n=5000, seed=0):
    """Return the numbers that are drawn from one interval, the first of them read by Hydra, too."""
    lines = [line for (line,) in plan(argument, random=n, seed=seed)]
    values = [float(line.partition("=")[2]) for line in lines]
    assert values[:50] == [override.value() for override in parsed(*lines[:50])]
    return values


ARGUMENTS = [
    "lr=0.01,0.1,1e-7",
    "batch_size=range(1,4)",
    "network.hidden=[2,1],[4],[]",
    "name='a,b','c d'",
    "+data.noise=choice(0.1,2)",
    "seeds=7",
    "~schedule",
    "target={value:0.5}",
    "features=raw,product",
    "lr=1",
    "budget=sort(300,100,200)",
]


@settings(deadline=None, derandomize=True)
@given(arguments=st.lists(st.sampled_from(ARGUMENTS), max_size=4))
def test_the_cross_product_is_that_of_hydras_basic_sweeper(arguments):
    (batch,) = BasicSweeper.split_arguments(parsed(*arguments), None)
    assert plan(*arguments) == batch


def test_options_may_be_absent_and_do_not_reach_the_jobs():
    arguments = parsed("lr=1,2", "sweep.zip=[]", "++sweep.seed=3", "sweep={random:null}")
    assert plan_grid(arguments, {}) == [["lr=1"], ["lr=2"]]
    assert plan_grid([], {}) == [[]]


def test_zipped_keys_go_side_by_side_and_others_multiply():
    jobs = plan(
        "lr=0.1,1", "seeds=7", "features=raw,product", "batch_size=1,10", zip=["lr", "batch_size"]
    )
    assert jobs == [
        ["lr=0.1", "seeds=7", "features=raw", "batch_size=1"],
        ["lr=0.1", "seeds=7", "features=product", "batch_size=1"],
        ["lr=1", "seeds=7", "features=raw", "batch_size=10"],
        ["lr=1", "seeds=7", "features=product", "batch_size=10"],
    ]


def test_several_groups_may_be_zipped_in_any_order_of_their_keys():
    arguments = ["lr=1,2", "a.b=x,y", "+c=range(0,2)", "d=5,6"]
    jobs = plan(*arguments, zip=[["d", "a.b"], ["c", "lr"]])
    assert jobs == [
        ["lr=1", "a.b=x", "+c=0", "d=5"],
        ["lr=1", "a.b=y", "+c=0", "d=6"],
        ["lr=2", "a.b=x", "+c=1", "d=5"],
        ["lr=2", "a.b=y", "+c=1", "d=6"],
    ]


@pytest.mark.parametrize(
    ("zipped", "message"),
    [
        (
            ["lr", "batch_size"],
            "sweep.zip=[lr,batch_size]: needs equally many values of each key: "
            "lr has 3, batch_size has 2",
        ),
        (
            ["lr", "batch"],
            "sweep.zip=[lr,batch]: zips keys that vary, and 'batch' does not "
            "(did you mean 'batch_size'?)",
        ),
        (
            ["lr", "seeds"],
            "sweep.zip=[lr,seeds]: zips keys that vary, and 'seeds' does not "
            "(known: batch_size, lr, momentum)",
        ),
        (["lr", "lr"], "sweep.zip=[lr,lr]: needs at least two different keys"),
        (
            [["lr", "momentum"], ["batch_size", "lr"]],
            "sweep.zip=[batch_size,lr]: 'lr' is zipped already (put all keys in one group)",
        ),
        (
            [["lr"], "batch_size"],
            "sweep.zip=[[lr],batch_size]: must be a list of keys, or a list of such lists "
            "(for instance 'sweep.zip=[lr,batch_size]')",
        ),
    ],
)
def test_a_zip_that_cannot_be_names_the_keys_and_their_lengths(zipped, message):
    with pytest.raises(InputError) as raised:
        plan("lr=1,2,3", "batch_size=1,10", "momentum=0,1,2", "seeds=7", zip=zipped)
    assert str(raised.value) == message


def test_uniform_draws_are_uniform():
    values = drawn("lr=interval(-2,3)")
    assert stats.kstest(values, stats.uniform(-2, 5).cdf).pvalue > 0.01
    assert len(set(values)) == 5000


def test_log_draws_are_log_uniform():
    values = drawn("lr=tag(log,interval(1e-4,1))")
    assert stats.kstest(values, stats.loguniform(1e-4, 1).cdf).pvalue > 0.01
    assert 1e-4 <= min(values) <= max(values) <= 1


def counts(argument, others, n):
    """Return how often each whole number was drawn, with other keys to tell the jobs apart."""
    jobs = plan(argument, others, random=n)
    assert len(jobs) == n
    texts = [job[0].partition("=")[2] for job in jobs]
    assert all(text.isdecimal() for text in texts)
    return np.bincount([int(text) for text in texts])[1:]  # six, or the tests below cannot compare


def test_whole_numbers_include_both_ends_and_are_equally_likely():
    found = counts("k=int(interval(1,6))", "u=interval(0,1)", 6000)
    assert stats.chisquare(found).pvalue > 0.01


def test_whole_numbers_on_a_log_scale_have_the_share_up_to_the_next():
    found = counts("k=tag(log,int(interval(1,6)))", "u=interval(0,1)", 6000)
    # log 7 is shared as log 2/1, log 3/2, log 4/3, ...
    shares = np.diff(np.log([1, 2, 3, 4, 5, 6, 7])) / np.log(7)
    assert stats.chisquare(found, 6000 * shares).pvalue > 0.01


def test_lists_are_drawn_from_and_not_multiplied():
    jobs = plan("features=raw,product", "lr=interval(0,1)", "seeds=7", random=4000)
    assert len(jobs) == 4000
    raw = sum(job[0] == "features=raw" for job in jobs)
    assert stats.binomtest(raw, 4000).pvalue > 0.01
    assert {job[2] for job in jobs} == {"seeds=7"}


def test_zipped_keys_are_drawn_together():
    jobs = plan(
        "lr=1,2,3", "batch_size=10,20,30", "u=interval(0,1)", zip=["lr", "batch_size"], random=300
    )
    assert {tuple(job[:2]) for job in jobs} == {
        ("lr=1", "batch_size=10"),
        ("lr=2", "batch_size=20"),
        ("lr=3", "batch_size=30"),
    }


def test_a_keys_draws_hang_on_its_own_name_and_the_seed_alone():
    lr, other = "lr=tag(log,interval(1e-4,1))", "batch_size=int(interval(1,64))"
    alone = [line for (line,) in plan(lr, random=50)]
    assert [job[1] for job in plan(other, lr, random=50)] == alone
    assert [job[0] for job in plan(lr, "features=raw,product", random=80)][:50] == alone
    assert [job[0] for job in plan(lr, random=50, seed=1)] != alone
    momentum = [line for (line,) in plan(lr.replace("lr", "momentum"), random=50)]
    assert [line.split("=")[1] for line in momentum] != [line.split("=")[1] for line in alone]


def test_draws_are_written_so_that_the_very_number_is_read_back():
    lines = [line for (line,) in plan("lr=tag(log,interval(1e-12,1e300))", random=500)]
    for line, override in zip(lines, parsed(*lines), strict=True):
        assert f"lr={override.value()!r}" == line
        assert type(override.value()) is float


def test_equal_jobs_are_kept_once_only_where_they_were_drawn():
    assert sorted(plan("lr=1,2", random=100)) == [["lr=1"], ["lr=2"]]
    assert plan("lr=1,1") == [["lr=1"], ["lr=1"]]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (
            ["lr=interval(0,1)"],
            {},
            "lr: an interval is drawn from, so a number of draws is needed (add sweep.random=100)",
        ),
        (
            ["lr=1", "seeds=7"],
            {"random": 9},
            "sweep.random=9: draws values of keys that vary, and none does "
            "(for instance 'lr=tag(log,interval(1e-3,1))')",
        ),
        (
            ["lr=tag(log,interval(0,1))"],
            {"random": 9},
            "lr=interval(0.0,1.0): an interval with the tag log lies above 0 "
            "(for instance 'lr=tag(log,interval(1e-3,1))')",
        ),
        (
            ["lr=interval(2,1)"],
            {"random": 9},
            "lr=interval(2.0,1.0): the lower end comes first (interval(1.0,2.0))",
        ),
        (
            ["lr=interval(0,inf)"],
            {"random": 9},
            "lr=interval(0.0,inf): needs ends that a number can lie between",
        ),
        (
            ["lr=int(interval(0,1e16))"],
            {"random": 9},
            "lr=interval(0,10000000000000000): whole numbers are drawn up to 9,007,199,254,740,992",
        ),
        (
            ["lr=tag(lgo,interval(1,2))"],
            {"random": 9},
            "lr=interval(1.0,2.0): 'lgo' is not a known tag (did you mean 'log'?)",
        ),
        (["lr=1,2"], {"random": 0}, "sweep.random=0: must be a whole number of draws, at least 1"),
        (["lr=1,2"], {"seed": -1}, "sweep.seed=-1: must be a whole number, at least 0"),
        (["lr=1,2", "sweep.seed=1,2"], {}, "sweep.seed: describes the sweep, so it has one value"),
        (
            ["lr=interval(1,2)", "a=1,2"],
            {"zip": ["lr", "a"], "random": 9},
            "sweep.zip=[lr,a]: 'lr' is an interval, which has no list of values",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_fix(arguments, options, message):
    with pytest.raises(InputError) as raised:
        plan_grid(parsed(*arguments), options)
    assert str(raised.value) == message


def test_every_broken_rule_is_listed():
    with pytest.raises(InputError) as raised:
        plan("lr=interval(2,1)", "b=tag(log,interval(-1,1))", random=-1, seed=True)
    assert [issue.key for issue in raised.value.issues] == ["sweep.random", "sweep.seed", "lr", "b"]


MANY = (
    "sweep: makes {} settings, and a sweep has at most 100,000 "
    "(draw some of them: sweep.random=1000)"
)
RANGE = "{}: has {} values, and here a range has at most {}"


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (["seed=range(0,1001)", "b=range(0,1000)"], {}, MANY.format("1,001,000")),
        (["seed=range(0,90000)"] + [f"k{i}=range(0,90000)" for i in range(9)], {}, "over 10¹⁵"),
        (
            ["lr=interval(0,1)"],
            {"random": 10_000_000_000},
            "sweep.random: draws 10,000,000,000 settings, and a sweep has at most 100,000",
        ),
        (
            ["seed=range(0,1000000000)"],
            {},
            RANGE.format("seed=range(0,1000000000,1)", "1,000,000,000", "100,000")
            + " (draw some of them: 'seed=int(interval(0,1000000000))' sweep.random=100)",
        ),
        (
            ["lr=range(0,1e9)"],
            {"random": 5},
            RANGE.format("lr=range(0,1000000000,1)", "1,000,000,000", "1,000,000")
            + " (draw some of them: 'lr=interval(0,1000000000)' sweep.random=100)",
        ),
        (["lr=range(0,1,1e-320)"], {}, "lr=range(0,1,1e-320): has over 10¹⁵ values"),
        (["lr=range(-1e308,1e308,1e304)"], {}, "has over 10¹⁵ values"),
        ([f"seed=range(0,1{'0' * 400})"], {}, "has over 10¹⁵ values"),
        (["seed=range(0,9,-1)"], {}, "seed=range(0,9,-1): has no values"),
        (["seed=range(0,100000)", "seed_=range(0,1)"], {"zip": ["seed", "lr"]}, "zips keys that"),
    ],
)
def test_too_many_settings_and_none_are_refused_before_any_is_listed(arguments, options, message):
    with pytest.raises(InputError) as raised:
        plan_grid(parsed(*arguments), options)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_range_that_is_refused_is_not_said_not_to_vary_as_well():
    with pytest.raises(InputError) as raised:
        plan("a=range(5,1)", "b=1,2", zip=["a", "b"])
    assert [issue.key for issue in raised.value.issues] == ["a"]


@pytest.mark.parametrize(
    ("tune", "message"),
    [
        (
            {"batch_size": "range(0,1000000000)"},
            "sweep.tune.batch_size=range(0,1000000000,1): has 1,000,000,000 values",
        ),
        ({"batch_size": "range(9,1)"}, "sweep.tune.batch_size=range(9,1,1): has no values"),
        (
            {"a": "range(0,1000)", "b": "range(0,1000)"},
            "sweep.tune: makes 1,000,000 settings, and a sweep has at most 100,000",
        ),
    ],
)
def test_too_much_to_tune_is_refused_before_any_is_listed(tune, message):
    with pytest.raises(InputError) as raised:
        read_tuning([], {"tune": tune})
    assert str(raised.value).startswith(message)


def test_a_range_to_tune_is_read_as_the_numbers_it_stands_for():
    tuning = read_tuning([], {"tune": {"lr": "range(1,2,0.5)", "seeds_": "1,'a b'"}})
    assert tuning.values == ((1.0, 1), (1.0, "a b"), (1.5, 1), (1.5, "a b"))
    assert tuning.choices[1] == ("lr=1.0", r"seeds_=a\ b")
