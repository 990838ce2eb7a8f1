"""A study's page."""

import re

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from nnrun.config import Report
from nnrun.errors import InputError
from nnrun.report.study import Study, write_study
from nnrun.report.study_figures import FIGURES
from tests.unit.grids import BUDGET, a_grid

KEYS = {"features.terms": [["x", "y"], ["x", "y", "x*y"]], "network.hidden": [[2], [2, 1], [4]]}
RAW, PRODUCT = "[x,y]", "[x,y,x*y]"
NO_CURVES = a_grid({"lr": [1, 2]}, seeds=2).trials.iloc[:0]


@pytest.fixture(scope="module")
def findings():
    return a_grid(KEYS)


@pytest.fixture
def study(findings):
    return Study(findings, NO_CURVES)


def fill(findings, text, folder):
    template = folder / "page.md.j2"
    template.write_text(text)
    return write_study(template, findings, NO_CURVES, folder).read_text()


def test_a_setting_is_found_by_its_levels(study, findings):
    row = study.setting(terms=PRODUCT, hidden="[2,1]")
    expected = findings.summary.set_index("label").loc["terms=[x,y,x*y] hidden=[2,1]"]
    assert (row["setting"], row["rmst"]) == (expected["setting"], expected["rmst"])
    assert row["label"] == "terms=[x,y,x*y] hidden=[2,1]"
    # spaces in a list are nobody's business
    assert study.id(terms="[x, y, x*y]", hidden="[2, 1]") == row["setting"]
    trials = study.trials(terms=PRODUCT, hidden="[2,1]")
    assert set(trials["setting"]) == {row["setting"]}
    assert len(trials) == 20


def test_a_misspelt_factor_is_told_with_what_was_meant(study):
    with pytest.raises(InputError, match=re.escape("study=hiden: is no factor of the sweep (did")):
        study.setting(hiden="[2]")


def test_levels_that_fit_no_setting_or_several_are_refused(study):
    with pytest.raises(InputError, match="fits 0 settings of the study, and must fit one"):
        study.setting(terms=RAW, hidden="[3]")
    with pytest.raises(InputError, match="fits 3 settings of the study, and must fit one"):
        study.setting(terms=RAW)


def test_all_contrasts_of_a_page_are_one_family(study, findings, tmp_path):
    asked = [
        ({"terms": PRODUCT, "hidden": h}, {"terms": RAW, "hidden": h})
        for h in ("[2]", "[2,1]", "[4]")
    ]
    asked.append(({"terms": RAW, "hidden": "[2,1]"}, {"terms": RAW, "hidden": "[2]"}))
    single = [study.compare(*pair) for pair in asked]
    # alone, a contrast is a family of its own
    assert [row["p_holm"] for row in single] == [row["p"] for row in single]
    study.closed(tmp_path)
    together = [study.compare(*pair) for pair in asked]
    expected = multipletests([row["p"] for row in single], method="holm")[1]
    np.testing.assert_allclose([row["p_holm"] for row in together], expected, rtol=1e-12)
    assert together[0]["p_holm"] > together[0]["p"]
    assert [row["ratio"] for row in together] == [row["ratio"] for row in single]


def test_a_ratio_is_of_the_first_to_the_second(study, findings):
    arms = {"terms": PRODUCT, "hidden": "[4]"}, {"terms": RAW, "hidden": "[4]"}
    means = [
        study.trials(**arm)["samples_to_target"].fillna(BUDGET).clip(upper=BUDGET).mean()
        for arm in arms
    ]
    assert study.compare(*arms)["ratio"] == pytest.approx(means[0] / means[1], rel=1e-12)


def test_a_sentence_without_ground_is_refused(study):
    assert study.require(True, "It is so.") == "It is so."
    with pytest.raises(InputError, match=r"It is so.*is not what this sweep found"):
        study.require(False, "It is so.")


def test_a_page_is_filled_with_numbers(findings, tmp_path):
    text = "{{ setting(terms='[x,y]', hidden='[2]').seeds }} seeds, {{ sweep.budget | count }}"
    assert fill(findings, text, tmp_path).strip() == "20 seeds, 100,000"


@pytest.mark.parametrize(
    "text",
    [
        "{% if %}",
        "{{ nothing }}",
        "{{ setting(terms='[x,y]', hidden='[2]').nothing }}",
        "{{ sweep.nothing.at_all }}",
        "{{ 1 / 0 }}",
        "{{ 'text' | number }}",
        "{{ 'text' | claimed }}",
        "{{ figure('portrait', 'a', 'b', 'hidden') }}",
        "{{ setting(3) }}",
        "{{ compare('a', 'b') }}",
        "{% include 'missing.j2' %}",
    ],
)
def test_whatever_is_wrong_in_a_template_is_one_error_in_the_input(text, findings, tmp_path):
    with pytest.raises(InputError) as found:
        fill(findings, text, tmp_path)
    assert len(found.value.issues) == 1
    assert str(found.value).startswith("study=")
    assert not (tmp_path / "page.md").exists()


def test_a_figure_is_drawn_once_the_page_is_known_to_be_sound(study, tmp_path):
    arguments = ("arrival", "arrived", "What is drawn | here", "hidden")
    assert study.figure(*arguments) == r"![What is drawn \| here](arrived.svg)"
    assert not list(tmp_path.iterdir())
    study.closed(tmp_path).figure(*arguments)
    drawn = (tmp_path / "arrived.svg").read_text()
    assert drawn.startswith("<?xml")
    # a panel for each network
    assert all(f">hidden={level}<" in drawn for level in ("[2]", "[2,1]", "[4]"))


def test_a_figure_of_some_settings_is_the_figure_of_a_sweep_of_these(study, tmp_path):
    study.closed(tmp_path).figure("arrival", "some", "", "terms", hidden="[4]")
    drawn = (tmp_path / "some.svg").read_text()
    assert "[2,1]" not in drawn
    assert set(FIGURES) == {"arrival", "targets"}


def test_a_templates_grammar_is_checked_before_anything_trains(tmp_path):
    (tmp_path / "bad.md.j2").write_text("fine\n{% if %}\n")
    with pytest.raises(InputError, match=r"cannot be read as a template: line 2: Expected"):
        Report(study=str(tmp_path / "bad.md.j2"))
    (tmp_path / "good.md.j2").write_text("{{ setting(lr='1').rmst | number }}")
    assert Report(study=str(tmp_path / "good.md.j2")).name == "html"
    with pytest.raises(InputError, match="is no file, neither as given nor in experiments/"):
        Report(study="nothing.md.j2")
