import math
from types import SimpleNamespace

import pandas as pd
import pytest
from markupsafe import Markup

from nnrun.report.figures import TITLES, Picture
from nnrun.report.sections import FACTORS, PICTURED, SETTINGS, contrast_groups, sections
from tests.unit.grids import a_grid
from tests.unit.sweeps import a_sweep

ALL = {name: Picture(name, title, "", Markup(""), Markup("")) for name, title in TITLES.items()}


def listed(findings):
    return list(findings.summary["setting"])


def ids(findings, pictures, behaviour=None):
    return [one.id for one in sections(findings, pictures, listed(findings), behaviour)]


def tuning_row(**changes):
    row = {"job": 0, "overrides": "features=raw", "lr": 0.1, "seeds": 5, "reached": 3}
    row |= {"restricted_mean": 1234.5, "final_test_loss": 0.25}
    return {**row, "chosen": True, "edge": False, "error": "", **changes}


def test_a_single_setting_has_no_contrasts():
    assert ids(a_sweep([""]), {}) == []


def test_every_section_has_something_to_show():
    findings = a_grid({"lr": [0.1, 0.3], "batch_size": [1, 2]})
    assert ids(findings, {}) == ["contrasts"]
    assert ids(findings, ALL) == ["contrasts", *PICTURED]
    one = {"rmst": ALL["rmst"]}
    assert ids(findings, one) == ["contrasts", "grid"]


def test_a_figure_has_a_place_on_the_page():
    # the first screen takes the time to target, and behaviour its own figure
    places = [name for _, _, names in PICTURED.values() for name in names]
    assert sorted([*places, "contrasts", "looks", "time_to_target"]) == sorted(TITLES)


def test_levels_come_before_settings_and_unlisted_settings_are_left_out():
    findings = a_grid({"lr": [0.1, 0.3], "batch_size": [1, 2]})
    few = listed(findings)[:2]
    groups = contrast_groups(findings.contrasts, few)
    assert [group.title for group in groups] == [FACTORS, SETTINGS]
    assert {row["a"] for row in groups[1].rows} == {few[1]}
    assert all(row["family"] == "factor" for row in groups[0].rows)


def test_one_group_needs_no_title():
    findings = a_sweep(["lr=0.1", "lr=0.3"])
    (group,) = contrast_groups(findings.contrasts, listed(findings))
    assert group.title == ""


def test_behaviour_says_its_notes():
    found = SimpleNamespace(notes=["One is left out.", "So is another."])
    findings = a_sweep([""])
    (section,) = sections(findings, {}, listed(findings), found)
    assert section.text == "One is left out. So is another."
    assert section.rows == [found]


def test_tuning_lists_what_was_tried():
    lost = tuning_row(lr=3.0, chosen=False, restricted_mean=None, error="it broke", reached=0)
    tuning = {"seeds": [1_000_000, 1_000_004], "rows": [tuning_row(), lost]}
    findings = a_sweep([""], tuned=["lr"], tuning=tuning)
    (section,) = sections(findings, {}, listed(findings), None)
    assert "n = 5 seeds (1,000,000 to 1,000,004)" in section.caption
    first, second = section.rows
    assert (first["arm"], first["tried"]) == ("features=raw", "lr=0.1")
    assert first["cells"] == [("3 of 5", 0.6), ("1,230", 1234.5), ("0.250", 0.25)]
    assert second["cells"][1] == ("∞", math.inf)
    assert (second["tried"], second["error"], second["chosen"]) == ("lr=3", "it broke", False)


def test_of_a_race_it_is_told_who_fell_when_and_that_rows_differ_in_seeds():
    fallen = tuning_row(lr=3.0, chosen=False, seeds=2, reached=1, fell=True, behind="lr=0.1")
    tuning = {"seeds": [7, 26], "rows": [tuning_row(fell=False, behind=""), fallen]}
    (section,) = sections(a_sweep([""], tuned=["lr"], tuning=tuning), {}, [], None)
    assert section.caption.startswith("One row an arm and value, n = 2 to 5 seeds (7 to 26)")
    assert "by more than 5% was put below 4%; it is not chosen, and its row" in section.caption
    assert [row["fell"] for row in section.rows] == ["", "fell after 2 seeds, behind lr=0.1"]
    assert [row["tried"] for row in section.rows] == ["lr=0.1", "lr=3"]
    # one arrival of two is more than three of ten would be
    assert section.rows[1]["cells"][0] == ("1 of 2", 0.5)


@pytest.mark.parametrize("keys", [["lr"], ["lr", "batch_size"]])
def test_an_untold_arm_is_the_setting(keys):
    row = tuning_row(overrides="", batch_size=2)
    tuning = {"seeds": [7, 11], "rows": [row]}
    findings = a_sweep([""], tuned=keys, tuning=tuning)
    (section,) = sections(findings, {}, listed(findings), None)
    assert section.rows[0]["arm"] == "the setting"
    assert " and ".join(keys) in section.text
    assert isinstance(findings.trials, pd.DataFrame)
