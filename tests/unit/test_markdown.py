import re
from dataclasses import replace

import pytest

from nnrun.records.sweep import SweepJob
from nnrun.report.figures import md
from nnrun.report.page import build
from tests.unit.sweeps import a_sweep

EVIL = "a|b <img src=x onerror=alert(1)> @team $x$ `code` *bold* _i_ [t](u) ~s~\n| new | row |\n# h"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("@team", "&#64;team"),
        ("$x$", r"\$x\$"),
        ("a\n\n# b", "a # b"),
        ("[t](javascript:u)", r"\[t\](javascript:u)"),
        ("![t](u)", r"!\[t\](u)"),
        ("`x` *y* _z_ ~w~", r"\`x\` \*y\* \_z\_ \~w\~"),
        ("a\\|b", r"a\\\|b"),
        (0.5, "0.5"),
    ],
)
def test_what_markdown_would_take_for_more_is_escaped(text, escaped):
    assert md(text) == escaped


def test_a_label_stays_text_in_report_md(tmp_path, undrawn):
    results = a_sweep(["lr=0.1", EVIL])
    calm = a_sweep(["lr=0.1", "lr=0.3"])
    pages = []
    for name, one in (("evil", results), ("calm", calm)):
        folder = tmp_path / name
        folder.mkdir()
        build(one, folder)
        pages.append((folder / "report.md").read_text(encoding="utf-8"))
    evil, plain = pages
    assert evil.count("\n") == plain.count("\n")
    assert "<img" not in evil
    assert "@team" not in evil
    # as many cells in each row of a table as without the label
    bar = re.compile(r"(?<!\\)\|")
    cells = [[len(bar.findall(line)) for line in page.splitlines()] for page in pages]
    assert cells[0] == cells[1]
    assert not any(line.startswith("# h") for line in evil.splitlines())
    for raw in ("`code`", "*bold*", "_i_", "[t](u)", "$x$", "~s~"):
        assert re.search(rf"(?<!\\){re.escape(raw)}", evil) is None


def test_what_a_job_failed_with_stays_text_in_report_md(tmp_path, undrawn):
    job = SweepJob(0, [f"name={EVIL}"], "s9", "failed", error=EVIL)
    results = a_sweep(["lr=0.1", "lr=0.3"])
    build(replace(results, sweep=replace(results.sweep, jobs=[job])), tmp_path)
    page = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "@team" not in page
