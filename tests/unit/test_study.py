"""A study's page."""

import re
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.multitest import multipletests

from nnrun.config.settings import Report
from nnrun.errors import InputError
from nnrun.report.figures import FIGURES
from nnrun.report.study import Study, write_study
from nnrun.results.results import Results
from tests.conftest import slowness
from tests.unit.grids import BUDGET, a_grid

KEYS = {"features.terms": [["x", "y"], ["x", "y", "x*y"]], "network.hidden": [[2], [2, 1], [4]]}
RAW, PRODUCT = "[x,y]", "[x,y,x*y]"
NO_CURVES = a_grid({"lr": [1, 2]}, seeds=2).trials.iloc[:0]


@pytest.fixture(scope="module")
def findings():
    return a_grid(KEYS)


def without_curves(findings):
    known = {"summary": findings.summary, "ladder": findings.ladder, "bands": findings.bands}
    return replace(findings, known={**known, "curves": NO_CURVES})


@pytest.fixture
def study(findings):
    return Study(without_curves(findings))


def fill(findings, text, folder):
    template = folder / "page.md.j2"
    template.write_text(text)
    return write_study(template, without_curves(findings), folder).read_text()


def test_a_setting_is_found_by_its_levels(study, findings):
    row = study.setting(terms=PRODUCT, hidden="[2,1]")
    expected = findings.summary.set_index("label").loc["terms=[x,y,x*y] hidden=[2,1]"]
    assert (row["setting"], row["rmst"]) == (expected["setting"], expected["rmst"])
    assert row["label"] == "terms=[x,y,x*y] hidden=[2,1]"
    # spaces in a list are nobody's business
    assert study.id(terms="[x, y, x*y]", hidden="[2, 1]") == row["setting"]
    trials = study.trials(terms=PRODUCT, hidden="[2,1]")
    assert set(trials["setting"]) == {row["setting"]}
    assert len(trials["seed"]) == 20


def test_a_misspelt_factor_is_told_with_what_was_meant(study):
    with pytest.raises(InputError, match=re.escape("study=hiden: is no factor of the sweep (did")):
        study.setting(hiden="[2]")


def test_levels_that_fit_no_setting_or_several_are_refused(study):
    with pytest.raises(InputError, match="fits 0 settings of the study, and must fit one"):
        study.setting(terms=RAW, hidden="[3]")
    with pytest.raises(InputError, match="fits 3 settings of the study, and must fit one"):
        study.setting(terms=RAW)


def test_what_the_report_compares_a_page_tells_alike(findings):
    table = findings.contrasts
    study = Study(without_curves(findings))
    first = {"terms": RAW, "hidden": "[2]"}
    told = study.compare({"terms": PRODUCT, "hidden": "[2]"}, first)
    row = table[table["name_a"] == "terms=[x,y,x*y] hidden=[2]"].iloc[0]
    assert (told["p_holm"], told["verdict"]) == (row["p_holm"], row["verdict"])
    assert told["p_holm"] != told["p"]
    # and at one level of another factor, where the report compares there
    within = Results(findings.trials, replace(findings.sweep, within="network.hidden"))
    row = within.contrasts.set_index(["name_a", "within"]).loc["terms=[x,y,x*y]", "hidden=[4]"]
    known = {"summary": findings.summary, "contrasts": within.contrasts}
    at = Study(replace(findings, sweep=within.sweep, known=known))
    four = at.compare({"terms": PRODUCT, "hidden": "[4]"}, {"terms": RAW, "hidden": "[4]"})
    assert (four["p_holm"], four["within"]) == (row["p_holm"], "hidden=[4]")


def test_all_other_contrasts_of_a_page_are_one_family(study, findings, tmp_path):
    asked = [
        ({"terms": PRODUCT, "hidden": h}, {"terms": RAW, "hidden": h}) for h in ("[2,1]", "[4]")
    ]
    asked.append(({"terms": PRODUCT, "hidden": "[4]"}, {"terms": RAW, "hidden": "[2,1]"}))
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
        pd.Series(study.trials(**arm)["samples_to_target"]).fillna(BUDGET).clip(upper=BUDGET).mean()
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
        "{{ 'a' | nothing }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ " + "(" * 3000 + ")" * 3000 + " }}",
    ],
)
def test_whatever_is_wrong_in_a_template_is_one_error_in_the_input(text, findings, tmp_path):
    with pytest.raises(InputError) as found:
        fill(findings, text, tmp_path)
    assert len(found.value.issues) == 1
    assert str(found.value).startswith("study=")
    assert not (tmp_path / "page.md").exists()


ESCAPES = {
    "a module": "{{ cycler.__init__.__globals__.os.system('touch canary') }}",
    "the globals of a function": "{{ setting.__func__.__globals__ }}",
    "the object of a method": "{{ setting.__self__.results.trials.to_csv('canary') }}",
    "subclasses": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a format's fields": "{{ '{0.__class__}'.format(1) }}",
    "the filter attr": "{{ '' | attr('__class__') }}",
    "an attribute by map": "{{ [setting] | map(attribute='__self__') | list }}",
    "a table's writer": "{{ trials(terms='[x,y]', hidden='[2]').to_csv('canary') }}",
    "a column's writer": "{{ trials(terms='[x,y]', hidden='[2]').seed.to_pickle('canary') }}",
    "an evaluation": "{{ trials(terms='[x,y]', hidden='[2]').eval('@pd') }}",
    "a query": "{{ trials(terms='[x,y]', hidden='[2]').query('@pd') }}",
    "a number's writer": "{{ setting(terms='[x,y]', hidden='[2]').rmst.tofile('canary') }}",
    "a contrast's": "{{ compare(dict(terms='[x,y]', hidden='[2]'), dict(terms='[x,y]', "
    "hidden='[4]')).ratio.dump('canary') }}",
    "a time's": "{{ time_to(0.6, terms='[x,y]', hidden='[2]').median.tofile('canary') }}",
    "a change of the sweep": "{{ sweep.update(name='other') }}",
    "a change of a list": "{{ sweep.settings.clear() }}",
    "a class": "{{ dict.fromkeys('a') }}",
    "a figure elsewhere": "{{ figure('arrival', '../canary', 'b', 'hidden') }}",
    "a figure with a root": "{{ figure('arrival', '/canary', 'b', 'hidden') }}",
    "a figure with a line": "{{ figure('arrival', 'a\\nb', 'b', 'hidden') }}",
    "a file above": "{% include '../secret.j2' %}",
    "a file that is none of a template": "{% include 'secret' %}",
    "a link to elsewhere": "{% include 'link.j2' %}",
}
BOMBS = {
    "a range": "{{ range(10**9) | length }}",
    "a long text": "{{ 'a' * 10**10 }}",
    "a long list": "{{ ([1] * 10**10) | length }}",
    "a large number": "{{ 10 ** (10 ** 10) }}",
    "squares": "{% set n = namespace(x=7) %}{% for i in range(99) %}{% set n.x = n.x * n.x %}"
    "{% endfor %}{{ n.x }}",
    "doubling": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}"
    "{% endfor %}{{ n.x }}",
    "sums": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x = n.x + n.x %}"
    "{% endfor %}{{ n.x }}",
    "a block": "{% set n = namespace(x='a') %}{% for i in range(99) %}{% set n.x %}{{ n.x }}"
    "{{ n.x }}{% endset %}{% endfor %}{{ n.x }}",
    "joins": "{% set n = namespace(x='a') %}{% for i in range(99) %}"
    "{% set n.x = [n.x, n.x] | join %}{% endfor %}{{ n.x }}",
    "a list in lists": "{% set n = namespace(x='a') %}{% for i in range(99) %}"
    "{% set n.x = [n.x, n.x] %}{% endfor %}{{ n.x }}",
    "many lists of one text": "{% set b = 'a' * 1000000 %}{{ [b] * 100000 }}",
    "many texts": "{% set n = namespace(x=0) %}{% for i in range(9999) %}"
    "{% set n.x = [n.x, 'a' * 1000000] %}{% endfor %}",
    "many copies": "{% set n = namespace(x=0) %}{% set b = 'a' * 1000000 %}"
    "{% for i in range(9999) %}{% set n.x = [n.x, b.upper()] %}{% endfor %}",
    "replacing": "{{ ('a' * 3000000) | replace('a', 'a' * 3000000) }}",
    "padding": "{{ '%999999999d' | format(1) }}",
    "a width that is given": "{{ '%*d' | format(999999999, 1) }}",
    "the operator of formats": "{{ '%999999999d' % 1 }}",
    "loops": "{% set r = range(100000) %}{% for a in r %}{% for b in r %}{% endfor %}{% endfor %}",
    "calls": "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}"
    "{{ m(99) }}",
}


@pytest.mark.parametrize("text", [*ESCAPES.values(), *BOMBS.values()], ids=[*ESCAPES, *BOMBS])
def test_a_template_reaches_nothing_and_ends(text, findings, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nnrun.report.study_language.MOST_STEPS", 10_000)
    folder = tmp_path / "sweep"
    folder.mkdir()
    for path in (tmp_path / "secret.j2", folder / "secret"):
        path.write_text("secret")
    (folder / "link.j2").symlink_to(tmp_path / "secret.j2")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p != folder}
    curves = pd.DataFrame({"setting": ["s0"], "samples": [1], "seed": [0], "accuracy": [0.5]})
    (folder / "page.md.j2").write_text(text)
    started = time.perf_counter()
    with pytest.raises(InputError, match=r"^study="):
        write_study(
            folder / "page.md.j2",
            replace(findings, known={**findings.known, "curves": curves}),
            folder,
        )
    assert time.perf_counter() - started < 5 * slowness()
    (folder / "page.md.j2").unlink()
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p != folder} == before
    assert findings.sweep.settings


def test_what_a_template_needs_it_has(findings, tmp_path):
    lines = (
        "{% set row = setting(terms='[x,y]', hidden='[2]') %}",
        "{% set all = trials(terms='[x,y]', hidden='[2]').seed %}",
        "{{ all.max() }} {{ all.min() }} {{ all.mean() }} {{ all.median() }} {{ all | length }}",
        "{{ all.sum() }} {{ all.std() | round(3) }} {{ all.quantile(0.25) }}",
        "{{ 'a' ~ 1 ~ row.seeds }} {{ [1, 2] | join('-') }} {{ '%s of %.1f' | format('a', 2) }}",
        "{% for s in sweep.settings[:1] %}{{ loop.length }} {{ s.label.upper() }}{% endfor %}\n",
        "{{ 2 ** 10 }} {{ '-' * 3 }} {{ 'abc' | replace('b', 'x') }} {{ [3, 1] }} {{ none }}",
        "{{ row.get('x', 7) }}",
    )
    text = "\n".join(lines)
    found = fill(findings, text, tmp_path).split("\n")
    assert found == [
        "19 0 9.5 9.5 20",
        "190 5.916 4.75",
        "a120 1-2 a of 2.0",
        "1 TERMS=[X,Y] HIDDEN=[2]",
        "1024 --- axc [3, 1] None",
        "7",
    ]


def test_a_template_may_include_those_beside_it(findings, tmp_path):
    (tmp_path / "part.j2").write_text("{{ sweep.budget | count }}")
    assert fill(findings, "{% include 'part.j2' %}", tmp_path) == "100,000"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sweep.json.j2", "is no name of a study's template, which is NAME.md.j2"),
        ("page.md", "is no name of a study's template"),
        ("report.md.j2", "would be written over report.md"),
    ],
)
def test_a_page_does_not_take_the_place_of_another_file(name, said, findings, tmp_path):
    (tmp_path / name).write_text("text")
    (tmp_path / name.removesuffix(".j2")).write_text("text")
    with pytest.raises(InputError, match=re.escape(said)):
        write_study(tmp_path / name, without_curves(findings), tmp_path)
    assert (tmp_path / name.removesuffix(".j2")).read_text() == "text"


def test_a_figure_is_drawn_once_the_page_is_known_to_be_sound(study, tmp_path):
    arguments = ("arrival", "arrived", "What is drawn | here", "hidden")
    assert study.figure(*arguments) == r"![What is drawn \| here](arrived.svg)"
    assert not list(tmp_path.iterdir())
    study.closed(tmp_path).figure(*arguments)
    drawn = (tmp_path / "arrived.svg").read_text()
    assert drawn.startswith("<?xml")
    # a panel for each network
    assert all(f"<!-- hidden={level} -->" in drawn for level in ("[2]", "[2,1]", "[4]"))


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
