"""Everything that is written of what a sweep found: page, figures, and a study's own page."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jinja2 import Environment
from markupsafe import Markup

from nnrun import text as words
from nnrun.errors import InputError
from nnrun.jinja import environment, script
from nnrun.layout import FIGURES, HANDOUT, MARKDOWN, REPORT, write_text
from nnrun.plot import canvas
from nnrun.plot.style import LINE_STYLES
from nnrun.report.captions import summary_caption
from nnrun.report.ends import Ends, ends, scored
from nnrun.report.figures import Drawn, drawing, inline, md
from nnrun.report.glossary import Glossary
from nnrun.report.methods import methods
from nnrun.report.second_process import shared
from nnrun.report.sections import Section, reading_limits, sections
from nnrun.report.sentences import mark
from nnrun.report.study import write_study
from nnrun.report.tables import failures, incomplete, left_out, missing, provenance, row_groups
from nnrun.report.verdict import answer, cautions, statements
from nnrun.results.results import Results
from nnrun.results.scores import Scores
from nnrun.statistics.factors import factors
from nnrun.statistics.findings import DIFFERENCES
from nnrun.statistics.summary import shown
from nnrun.statistics.survival import common_budget, shared_target, target_text, trained
from nnrun.text import setting_name, things
from nnrun.trials.cache import Cache

if TYPE_CHECKING:
    from nnrun.pictures.behaviour import Behaviour


def write_report(
    results: Results,
    folder: Path,
    records: Mapping[str, Sequence[Path]],
    say: Callable[[str], None] = lambda text: None,
    stopped: Callable[[], bool] = lambda: False,
    template: Path | None = None,
    pdf: bool = False,
    cache: Cache | None = None,
    handout: bool = False,
) -> None:
    """Write the report, with what single networks do, and a study's page if there is one to fill.

    Args:
        results: What the sweep found.
        folder: Where to.
        records: Paths of the records of each setting, by its id.
        say: Is told what is being done.
        stopped: Asked while networks are watched: whether an end is wanted.
        template: Of the study's page; None for no such page.
        pdf: Whether each figure is written as PDF, too.
        cache: Where networks that were watched before are found; None for nowhere.
        handout: Whether one sheet for print is written, too.

    Raises:
        InputError: If the study's page cannot be filled; all else is written.
    """
    unfilled, study = None, ""
    if template is not None:
        say("filling the study's page")
        try:
            study = write_study(template, results, folder).name
        except InputError as error:
            unfilled = error
    say("watching networks learn")
    figures = folder / FIGURES
    with drawing(results, figures, pdf) as drawn:
        found, scores = None, NO_SCORES
        if results.sweep.words.own:
            found = watched(results, records, stopped, cache)
            scores = scored(results, records)
        say("drawing the report")
        if found is not None:
            _write_figures(found, figures, pdf)
        build(results, folder, found, drawn(), scores, study, handout)
    if unfilled is not None:
        raise unfilled


def _write_figures(found: "Behaviour", folder: Path, pdf: bool) -> None:
    """Write figures of single networks, which the page shows picture by picture."""
    from nnrun.pictures import panels  # this and `behaviour` load beside the other process

    def written(name: str) -> None:
        if (figure := panels.FIGURES[name](found)) is not None:
            canvas.write_files(figure, folder / name, pdf)

    with shared([partial(written, name) for name in panels.FIGURES]) as done:
        done()


def watched(
    results: Results,
    records: Mapping[str, Sequence[Path]],
    stopped: Callable[[], bool] = lambda: False,
    cache: Cache | None = None,
) -> "Behaviour | None":
    """See what networks of the settings do that a panel has room for; None if none trained."""
    from nnrun.pictures.behaviour import behaviour

    chosen = shown(results.summary)
    if not chosen:
        return None
    about = zip(results.summary["setting"], results.summary["label"], strict=True)
    names = {str(setting): setting_name(label) for setting, label in about}
    return behaviour(results.trials, records, chosen, names, stopped=stopped, cache=cache)


NO_SCORES: tuple[Mapping[str, Scores], Sequence[str]] = ({}, ())
"""Of final networks, where there are none."""

TEMPLATES = Path(__file__).parent / "templates"

AT_ONCE = 4
"""Statements that the first screen has room for; those that claim a difference always show."""


def build(
    results: Results,
    folder: Path,
    behaviour: Any = None,
    drawn: Drawn | None = None,
    scores: tuple[Mapping[str, Scores], Sequence[str]] = NO_SCORES,
    study: str = "",
    handout: bool = False,
) -> Path:
    """Write report.html and report.md.

    The page holds its figures, styles, tables and script, loads nothing, and needs no script. The
    same results give the same bytes.

    Args:
        results: What a sweep or a run found.
        folder: Where to.
        behaviour: What single networks do, as `nnrun.pictures.behaviour` found it, or None.
        drawn: The figures, as `nnrun.report.figures.drawing` yields them; None to draw them.
        scores: Of the final networks, as `nnrun.report.ends.scored` returns them.
        study: The study's own page, which stands beside this one; empty for none.
        handout: Whether handout.html is written, too.

    Returns:
        Path of report.html.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if drawn is None:
        with drawing(results, folder / FIGURES) as made:
            drawn = made()
    at_end = ends(results, scores) if results.sweep.words.own else None
    about = _content(results, drawn, behaviour, at_end)
    language = _language(results)
    glossary = Glossary(_names(results), results.sweep.words)
    language.filters["linked"] = glossary.linked
    about["glossary"] = glossary.entries
    about |= {"study": study, "animations": Markup(ANIMATIONS)}
    write_text(folder / MARKDOWN, language.get_template("report.md.j2").render(about))
    write_text(folder / REPORT, language.get_template("report.html.j2").render(about))
    (folder / HANDOUT).unlink(missing_ok=True)  # an older one says what other numbers said
    if handout:
        page = language.get_template("handout.html.j2").render(_on_one_sheet(results, about))
        write_text(folder / HANDOUT, page)
    return folder / REPORT


HANDED = 4  # statements that a sheet has room for, and rows of its table
ROWS = 8


def _on_one_sheet(results: Results, about: Mapping[str, Any]) -> dict[str, Any]:
    """Choose what a sheet has room for: the statements that claim most, and the figure's rows."""
    # the baseline, of which no claim is made, is what the others are compared with
    told = sorted(
        about["statements"], key=lambda one: one.claim not in DIFFERENCES and bool(one.claim)
    )[:HANDED]
    room = ROWS - 2 * (len(told) == HANDED)  # a long name takes two lines
    rows = results.summary[results.summary["setting"].isin(shown(results.summary, room, room - 4))]
    more = len(about["statements"]) - len(told)
    are = "is" if more == 1 else "are"
    untold = f"{things(more, 'more finding')} {are} in report.html." if more else ""
    kept = [one for one in about["statements"] if one in told]
    return {**about, "told": kept, "rows": rows.to_dict("records"), "untold_here": untold}


ANIMATIONS = "<!-- animations -->"
"""Where a page keeps room for links to animations, which may be drawn after it."""


def link_animations(page: Path, links: Sequence[tuple[str, str]]) -> None:
    """Link a report to the animations beside it.

    Args:
        page: The report.
        links: Paths from its folder, and names.
    """
    if not links:
        return
    each = [Markup('<a href="{}">{}</a>').format(quote(path), name) for path, name in links]
    told = Markup('<p class="lead">Settings as they learn: {}.</p>').format(Markup(", ").join(each))
    write_text(page, page.read_text(encoding="utf-8").replace(ANIMATIONS, told, 1))


def _content(results: Results, drawn: Drawn, behaviour: Any, found: Ends | None) -> dict[str, Any]:
    """Put together what the templates lay out."""
    summary, sweep = results.summary, results.sweep
    line_styles = drawn.layout.line_styles
    groups = row_groups(summary, line_styles)
    listed = [row["setting"] for group in groups for row in group.rows]
    told = sections(results, drawn.pictures, listed, behaviour, found)
    empty = Section("contrasts", "")
    about: dict[str, Any] = {
        "sweep": sweep,
        "incomplete": incomplete(sweep),
        "notes": [*sweep.notes, *sweep.clashes],
        "words": sweep.words,
        "varying": results.telling,
        "tuned": results.tuned,
        "target": shared_target(sweep),
        "settings": len(summary),
        "trials": len(trained(results.trials)),
        "budget": common_budget(results.trials),
        "answer": answer(results),
        **_told(results),
        "cautions": cautions(results),
        "groups": groups,
        "left_out": left_out(summary, groups),
        "errors": bool(summary["failed"].any()),
        "summary_caption": _summary_caption(results),
        "styles": line_styles,
        "palette": LINE_STYLES,
        "first": drawn.pictures.get("time_to_target"),
        "sections": told,
        "contrasts": next((s for s in told if s.id == "contrasts"), empty),
        "failures": failures(sweep),
        "missing": missing(results),
        "limits": reading_limits(results),
        "methods": methods(results),
        "provenance": provenance(sweep),
        **script(TEMPLATES / "page.js"),
    }
    return {**about, "contents": _contents(about), "untold": _untold(about)}


def _names(results: Results) -> set[str]:
    """List what the user wrote that stands in sentences of the page."""
    table, sweep = results.contrasts, results.sweep
    labels = {setting.label for setting in sweep.settings} | set(results.summary["label"])
    levels = {level for several in factors(sweep).values() for level in several}
    shown_names = {*table["name_a"], *table["name_b"], sweep.name or "", *sweep.varying}
    if sweep.measured is not None:
        shown_names |= {sweep.measured["x"], sweep.measured["y"], sweep.words.unit}
    return {str(name) for name in labels | levels | shown_names if str(name).strip()}


def _told(results: Results) -> dict[str, list[Any]]:
    """Part the statements into those told at once and those folded, none of which is a claim."""
    told = statements(results)
    folded = [s for s in told[AT_ONCE:] if s.claim not in DIFFERENCES]
    if len(folded) == 1:  # folding it would save nothing
        folded = []
    at_once = [s for s in told if s not in folded]
    return {"statements": told, "at_once": at_once, "folded": folded}


def _contents(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    """List the sections as pairs of an id and a title."""
    gaps = about["failures"].head or about["missing"].head
    return [
        *([("summary", "Each setting")] if about["groups"] else []),
        *((section.id, section.title) for section in about["sections"]),
        *([("gaps", "Failed and missing")] if gaps else []),
        *([("limits", "Limits")] if about["limits"] else []),
        *([("methods", "Methods")] if about["methods"] else []),
        ("provenance", "Provenance"),
        ("glossary", "Glossary"),
    ]


def _untold(about: Mapping[str, Any]) -> str:
    """Say where the settings are that no statement is about; empty if there are none."""
    told = about["statements"]
    if told and not told[0].setting:
        if about["left_out"]:
            return (
                f"All {about['settings']:,} settings are in summary.csv, the soonest and the "
                "latest also in the tables below."
            )
        return f"All {about['settings']:,} settings are in the tables below."
    rest = about["settings"] - len(told)
    if not rest:
        return ""
    where = "summary.csv, the soonest and the latest also in" if about["left_out"] else ""
    return f"{rest:,} more settings are in {where}{' ' if where else ''}the table below."


def _language(results: Results) -> Environment:
    """The templates' language: escapes all text, and knows the filters for numbers."""
    language = environment(TEMPLATES)
    for name in (
        "number",
        "exactly",
        "ratio",
        "count",
        "share",
        "seeds",
        "setting_name",
        "probability",
        "sortable",
    ):
        language.filters[name] = getattr(words, name)
    language.filters["target_text"] = target_text
    language.filters["md"] = md
    language.filters["claimed"] = partial(mark, margin=results.sweep.margin)
    language.filters["data_url"] = _data_url
    language.filters["drawing"] = _drawing
    language.filters["after_dot"] = lambda text: text.partition(" · ")[2]
    return language


def _data_url(png: bytes) -> Markup:
    return Markup(f"data:image/png;base64,{base64.b64encode(png).decode()}")


def _drawing(svg: str, name: str, number: int) -> Markup:
    return inline(svg, f"network-{number}-", f"The network of {name} with its weights")


def _summary_caption(results: Results) -> str:
    if results.summary.empty:
        return ""
    return summary_caption(results.summary, common_budget(results.trials), results.sweep.words)
