import re

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from nnrun.errors import InputError
from nnrun.report.study import Study, write_study
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.findings import Findings
from tests.unit.sweeps import a_sweep

ARMS = [("raw", 2), ("raw", 4), ("xy", 2), ("xy", 4)]


def a_study(seeds=20):
    """Two inputs by two widths; times drawn around a mean of their own for each arm."""
    results = a_sweep([f"f={f} hidden={n}" for f, n in ARMS], seeds=seeds)
    for setting, (f, n) in zip(results.sweep["settings"], ARMS, strict=True):
        setting["config"] = {"f": f, "hidden": n, "budget": 1000}
    results.sweep.update(varying=["f", "hidden"], telling=["f", "hidden"])
    rng = np.random.default_rng(8)
    means = np.repeat([400.0, 300.0, 330.0, 250.0], seeds)
    times = np.minimum(means * rng.lognormal(0, 0.3, 4 * seeds), 900)
    trials = results.trials.assign(f="", hidden=0, samples_to_target=times, status="reached")
    return type(results)(trials, results.curves, results.summary, results.sweep)


def fill(tmp_path, text, results):
    (tmp_path / "page.md.j2").write_text(text)
    out = tmp_path / "out"
    out.mkdir(exist_ok=True)
    write_study(tmp_path / "page.md.j2", Findings.of(results), results.curves, out)
    return (out / "page.md").read_text()


def test_settings_are_found_by_their_levels():
    results = a_study()
    study = Study(Findings.of(results), results.curves)
    row = study.setting(f="xy", hidden="4")
    assert (row["setting"], row["budget"], row["seeds"]) == ("s3", 1000, 20)
    assert set(study.trials(f="raw", hidden="2")["setting"]) == {"s0"}


def test_what_is_asked_wrongly_is_said():
    results = a_study()
    study = Study(Findings.of(results), results.curves)
    with pytest.raises(InputError, match="fits 2 settings of the study, and must fit one"):
        study.setting(f="xy")
    with pytest.raises(InputError, match="fits 0 settings"):
        study.setting(f="noise", hidden="4")
    with pytest.raises(InputError, match=r"hiden: is no factor .*did you mean 'hidden'"):
        study.setting(hiden="4")


def test_all_contrasts_of_a_page_are_one_family(tmp_path):
    results = a_study()
    asked = [("xy", 2, "raw", 2), ("xy", 4, "raw", 4), ("raw", 4, "raw", 2), ("xy", 2, "raw", 4)]
    text = "".join(
        f"{{% set c = compare(dict(f='{a}', hidden='{m}'), dict(f='{b}', hidden='{n}')) %}}"
        "{{ c.p }} {{ c.p_holm }} {{ c.ratio }}\n"
        for a, m, b, n in asked
    )
    found = np.array([line.split() for line in fill(tmp_path, text, results).splitlines()], float)
    expected = multipletests(found[:, 0], method="holm")[1]
    np.testing.assert_allclose(found[:, 1], expected, rtol=1e-12)
    assert (found[:, 1] > found[:, 0]).any()
    # paired by seed: the ratio of means where every seed arrived
    times = results.trials["samples_to_target"].to_numpy().reshape(4, 20).mean(axis=1)
    place = {arm: i for i, arm in enumerate(ARMS)}
    ratios = [times[place[a, m]] / times[place[b, n]] for a, m, b, n in asked]
    np.testing.assert_allclose(found[:, 2], ratios, rtol=1e-12)


def test_a_contrast_of_a_page_is_that_of_the_report(tmp_path):
    results = a_study()
    text = (
        "{% set c = compare(dict(f='xy', hidden='2'), dict(f='raw', hidden='2')) %}"
        "{{ c.ratio_low }} {{ c.ratio_high }} {{ c.p }}"
    )
    found = [float(word) for word in fill(tmp_path, text, results).split()]
    table = contrasts(results.trials, results.sweep).set_index(["family", "a"])
    row = table.loc[("setting", "s2")]
    np.testing.assert_allclose(found, row[["ratio_low", "ratio_high", "p"]].astype(float))


def test_a_sentence_that_no_longer_holds_stops_the_page(tmp_path):
    text = "{{ require(setting(f='xy', hidden='2').reached == 0, 'It never arrives.') }}"
    with pytest.raises(InputError, match=r"It never arrives\.: is not what this sweep found"):
        fill(tmp_path, text, a_study())
    assert not (tmp_path / "out" / "page.md").exists()


@pytest.mark.parametrize(
    "text", ["{{ nothing }}", "{% for %}", "{{ setting(f='xy', hidden='2').nonsense.more }}"]
)
def test_a_template_that_cannot_be_filled_is_one_error(tmp_path, text):
    with pytest.raises(InputError, match="cannot be filled with the numbers of this sweep"):
        fill(tmp_path, text, a_study())


@pytest.mark.parametrize("kind", ["arrival", "targets"])
def test_figures_stand_beside_the_page(tmp_path, kind):
    page = fill(tmp_path, f"{{{{ figure('{kind}', 'one', 'a [b] c', 'hidden') }}}}", a_study())
    assert page == r"![a \[b\] c](one.svg)"
    drawn = (tmp_path / "out" / "one.svg").read_text()
    assert re.findall(r"hidden=[24]", drawn) == ["hidden=2", "hidden=4"]
    assert {"f=raw", "f=xy"} <= set(re.findall(r"f=\w+", drawn))


def test_only_the_levels_that_are_asked_for_are_drawn(tmp_path):
    fill(tmp_path, "{{ figure('arrival', 'one', 'w', 'hidden', f='xy') }}", a_study())
    drawn = (tmp_path / "out" / "one.svg").read_text()
    assert "f=raw" not in drawn
