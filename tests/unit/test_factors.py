import itertools

import pytest

from nnrun.records.labels import describe
from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import ABSENT, blocks, factors, is_full_grid, levels, names


def a_sweep(*configs, **more):
    about = describe({f"s{i}": dict(config) for i, config in enumerate(configs)})
    return Sweep("complete", **about, **more)


def a_grid(**values):
    keys = [key.replace("__", ".") for key in values]
    return [dict(zip(keys, cell, strict=True)) for cell in itertools.product(*values.values())]


def test_levels_are_in_the_words_of_the_labels():
    sweep = a_sweep(
        {"features.name": "raw", "network.hidden": [2, 1], "lr": 0.08254841637443738},
        {"features.name": "terms", "features.terms": ["x*y"], "network.hidden": [], "lr": 3.0},
    )
    table = levels(sweep)
    assert list(table) == ["features.name", "network.hidden", "lr"]
    for setting in sweep.settings:
        row = table.loc[setting.id]
        words = (f"{name}={row[key]}" for key, name in names(sweep).items())
        assert " ".join(words) == setting.label
    assert factors(sweep)["features.name"] == ["raw", "[x*y]"]


def test_numbers_that_rounding_would_merge_are_written_in_full():
    close = [0.08254841637443738, 0.08254841637443739 + 1e-12]
    sweep = a_sweep(*a_grid(lr=close, init=["zeros", "uniform"]))
    assert factors(sweep)["lr"] == [repr(value) for value in close]
    assert all(
        f"lr={lr} " in s.label + " "
        for s, lr in zip(
            sweep.settings,
            [repr(close[0]), repr(close[0]), repr(close[1]), repr(close[1])],
            strict=True,
        )
    )


def test_levels_stand_in_order_of_first_appearance():
    assert factors(a_sweep({"lr": 3}, {"lr": 0.1}, {"lr": 1})) == {"lr": ["3", "0.1", "1"]}


def test_a_setting_without_the_key_has_the_level_of_its_absence():
    sweep = a_sweep({"optimizer.name": "sgd"}, {"optimizer.name": "sgd", "optimizer.decay": 0.1})
    assert factors(sweep) == {"optimizer.decay": [ABSENT, "0.1"]}


def test_what_was_tuned_is_no_part_of_a_name_but_where_nothing_else_tells():
    rates = {"a": {"lr": 0.1, "init": "zeros"}, "b": {"lr": 0.3, "init": "uniform"}}
    about = describe(rates, tuned=["lr"])
    assert [setting.label for setting in about["settings"]] == ["init=zeros", "init=uniform"]
    assert about["varying"] == ["lr", "init"]
    assert about["telling"] == ["init"]
    twice = describe({**rates, "c": {"lr": 1.0, "init": "zeros"}}, tuned=["lr"])
    assert [s.label for s in twice["settings"]][::2] == ["lr=0.1 init=zeros", "lr=1 init=zeros"]
    assert twice["telling"] == ["lr", "init"]


def test_a_tuned_key_is_no_factor():
    sweep = a_sweep({"lr": 0.1, "init": "zeros"}, {"lr": 0.3, "init": "uniform"}, tuned=["lr"])
    assert factors(sweep) == {"init": ["zeros", "uniform"]}
    assert blocks(sweep, "init") == [{"zeros": "s0", "uniform": "s1"}]
    assert is_full_grid(sweep)


def test_blocks_of_a_grid_hold_all_else_equal():
    sweep = a_sweep(*a_grid(lr=[0.1, 0.3], network__hidden=[[2], [4], [8]]))
    assert blocks(sweep, "lr") == [
        {"0.1": "s0", "0.3": "s3"},
        {"0.1": "s1", "0.3": "s4"},
        {"0.1": "s2", "0.3": "s5"},
    ]
    assert blocks(sweep, "network.hidden")[1] == {"[2]": "s3", "[4]": "s4", "[8]": "s5"}
    assert is_full_grid(sweep)


def test_a_grid_with_a_hole_has_smaller_blocks_and_is_not_full():
    sweep = a_sweep({"lr": 1, "h": 1}, {"lr": 2, "h": 1}, {"lr": 3, "h": 1}, {"lr": 2, "h": 2})
    assert blocks(sweep, "lr") == [{"1": "s0", "2": "s1", "3": "s2"}]
    assert blocks(sweep, "h") == [{"1": "s1", "2": "s3"}]
    assert not is_full_grid(sweep)


def test_a_baseline_moved_to_the_front_leads_its_levels_in_every_block():
    grid = a_grid(lr=[0.1, 0.3], h=[1, 2])
    sweep = a_sweep(grid[3], *grid[:3])
    assert factors(sweep) == {"lr": ["0.3", "0.1"], "h": ["2", "1"]}
    assert [list(block) for block in blocks(sweep, "lr")] == [["0.3", "0.1"]] * 2


def test_keys_that_vary_together_have_no_blocks():
    sweep = a_sweep({"lr": 0.1, "batch_size": 1}, {"lr": 0.3, "batch_size": 3})
    assert list(factors(sweep)) == ["lr", "batch_size"]
    assert blocks(sweep, "lr") == blocks(sweep, "batch_size") == []
    assert not is_full_grid(sweep)


def test_settings_that_no_factor_tells_apart_make_no_block():
    cells = [{"lr": 0.1, "init": "zeros"}, {"lr": 0.3, "init": "zeros"}, {"lr": 1, "init": "one"}]
    sweep = a_sweep(*cells, tuned=["lr"])
    assert blocks(sweep, "init") == []
    assert not is_full_grid(sweep)


def test_one_setting_has_no_factors():
    sweep = a_sweep({"lr": 0.1})
    assert factors(sweep) == {}
    assert levels(sweep).shape == (1, 0)
    assert not is_full_grid(sweep)
    with pytest.raises(KeyError):
        blocks(sweep, "lr")
