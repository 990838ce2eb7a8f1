"""The glossary: every link has an entry, every entry a link, and no name of a user's is one."""

import re

import pytest
from markupsafe import escape

from nnrun.report.glossary import TERMS, Glossary
from nnrun.report.page import build
from tests.unit.sweeps import a_sweep

LINK = re.compile(r'<a class="term" href="#term-([\w-]+)">([^<]*)</a>')


def links(html, names=()):
    return LINK.findall(Glossary(names).linked(html))


def test_the_first_mention_in_each_section_is_a_link():
    html = "<section><p>A seed, two seeds</p></section><section><p>another Seed</p></section>"
    assert links(html) == [("seed", "seed"), ("seed", "Seed")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("95% intervals of restricted means", ["95% intervals", "restricted means"]),
        ("interquartile mean; quartiles", ["interquartile mean", "quartiles"]),
        ("the log-rank test; p &lt; 0.001", ["log-rank test", "p"]),
        ("Kaplan–Meier, still short of the target", ["Kaplan–Meier", "still short of the target"]),
        ("seed=3 target.value sweep/seed data[seed] a-seed", []),
        ("seedling, ratiocination, stopped", []),
    ],
)
def test_whole_words_are_linked_the_longest_that_fit(text, words):
    assert [word for _, word in links(f"<p>{text}</p>")] == words


@pytest.mark.parametrize(
    "html",
    [
        "<p><code>seed</code> <a href='#x'>seed</a></p>",
        "<svg><title>seed</title><text>budget</text></svg><h2>Target</h2>",
        "<table><thead><tr><th>Target<small>ratio</small></th></tr></thead></table>",
        '<div translate="no">seed<br><p>target <img alt="seed"> <b>hold</b></p> budget</div>',
        '<img alt="seed"><p title="target"></p><script>seed</script><style>seed</style>',
    ],
)
def test_what_is_no_sentence_of_ours_stays_as_it_is(html):
    assert Glossary().linked(html) == html


def test_after_what_a_user_wrote_links_go_on():
    html = '<div translate="no">seed <span>seed</span></div><p>seed</p>'
    assert Glossary().linked(html).count("<a ") == 1
    assert Glossary().linked(html).endswith('<p><a class="term" href="#term-seed">seed</a></p>')


@pytest.mark.parametrize("name", ["median seed", "hold", "a&b target <i>", "target (budget)"])
def test_a_name_in_a_sentence_is_passed_over(name):
    html = f"<p>{escape(name)} converges sooner than {escape(name)}, by a ratio</p>"
    found = Glossary([name]).linked(html)
    assert LINK.findall(found) == [("converge", "converges"), ("ratio", "ratio")]
    assert LINK.sub(r"\2", found) == html


def test_entries_are_those_linked_to_and_those_that_these_need():
    glossary = Glossary()
    assert glossary.entries() == []
    glossary.linked("<p>the swap test</p>")
    ids = [term.id for term, _ in glossary.entries()]
    told = {id_ for _, text in glossary.entries() for id_, _ in LINK.findall(text)}
    assert "swap" in ids
    assert told <= set(ids)
    assert set(ids) == {"swap"} | told
    titles = [term.title.lower() for term, _ in glossary.entries()]
    assert titles == sorted(titles)


def test_terms_are_said_once_and_shortly():
    ids = [term.id for term in TERMS]
    assert len(set(ids)) == len(ids)
    for term in TERMS:
        assert 40 <= len(term.text) <= 320, term.id
        assert term.text.endswith("."), term.id
        assert links(f"<p>{term.title.split(' (')[0]}</p>")[0][0] == term.id


def test_every_link_of_a_page_has_an_entry_and_every_entry_a_link(undrawn, tmp_path):
    results = a_sweep(["lr=0.1", "median seed=2"], diverged=2)
    html = build(results, tmp_path).read_text(encoding="utf-8")
    entries = re.findall(r'<div id="term-([\w-]+)">', html)
    assert len(set(entries)) == len(entries) > 25
    assert {id_ for id_, _ in LINK.findall(html)} == set(entries)
    assert "median seed=2" in html
    assert not re.search("</a> seed=2", html)
