"""Values that Hydra does not read as they are typed."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from nnrun.hydra_ext.arguments import quoted, readable


def value_of(argument: str):
    return OverridesParser.create().parse_overrides([argument])[0].value()


@pytest.mark.parametrize(
    "text",
    [
        "größe.csv",
        "种类",
        "~/d.csv",
        "a&b.csv",
        "a=b.csv",
        "#N/A",
        "d;e",
        "größe & gewicht",
        "ä\\b",
    ],
)
def test_names_are_read_as_the_text_that_they_are(text):
    (argument,) = quoted([f"data.path={text}"])
    assert value_of(argument) == text


@pytest.mark.parametrize(
    "finding", ["sooner(lr=0.1)", "same(hidden=[4,4] lr=0.1)", 'later(terms=["sin(x)",y])']
)
def test_a_finding_that_is_required_is_read_as_it_is_typed(finding):
    (argument,) = quoted([f"report.require={finding}"])
    assert value_of(argument) == finding
    for mark in ("'", '"') if '"' not in finding else "'":
        assert value_of(*quoted([f"report.require={mark}{finding}{mark}"])) == finding


@pytest.mark.parametrize(
    "argument",
    [
        "lr=0.1", "lr=0.1,0.2", "-m", "--config-dir", "möbel", "~data", "=-1e308", "größe",
        'data.path="größe.csv"', "features.terms=[x,sin(x)]", "hydra.verbose=${ö}", "lr=range(1,2",
        "data.path=größe.csv,b.csv", "data.drop=[größe]", "data.label=x:y", "a.b=null",
        "report.require=soon(lr=0.1)", "report.require=null",
    ],
)  # fmt: skip
def test_what_is_read_or_may_be_more_than_a_name_stays(argument):
    assert quoted([argument]) == [argument]


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("data.drop=[größe,b]", ["größe", "b"]),
        ("data.drop=[x (cm), b]", ["x (cm)", "b"]),
        ("data.missing_words=[#N/A,-999]", ["#N/A", -999]),
        ("data.path=data (1).csv", "data (1).csv"),
        ("data.path=it's.csv", "it's.csv"),
        ("features.terms=[x,sin(x)]", ["x", "sin(x)"]),
    ],
)
def test_the_hint_can_be_typed(given, right):
    assert value_of(readable(given)) == right


@pytest.mark.parametrize(
    "given", ["features.terms=[x,y", "lr=range(1,2", 'data.path="a', "größe", "=1", "a={x:ö"]
)
def test_what_quotes_do_not_mend_has_no_such_hint(given):
    assert readable(given) is None
