"""Tables and report anew from records alone: of a sweep, or of several as one."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup, escape

from nnrun.config.settings import Report
from nnrun.errors import InputError, Issue
from nnrun.launch.choices import find_key, name_by, read_target, retargeted, with_baseline
from nnrun.launch.sources import Joiner, Source, read_sources
from nnrun.launch.sweeps import differences, facts_of, merged_facts, page_facts
from nnrun.layout import (
    FIGURES,
    KINDS,
    MARKDOWN,
    OUTPUTS,
    REPORT,
    new_folder,
    shipped_template,
    study_template,
    together,
    write_text,
)
from nnrun.model.load import admit_modules, not_imported
from nnrun.records.lock import alone_in
from nnrun.records.record import RECORD, Record
from nnrun.records.sweep import SWEEP, read_sweep
from nnrun.report.index import write_index
from nnrun.report.verdict import verdict
from nnrun.results.results import Findings
from nnrun.results.tabulate import common_facts, records_of, tabulate
from nnrun.statistics.targets import target_text
from nnrun.text import things

REPORTS = Path(OUTPUTS) / "reports"
ROWS = 40
"""Most settings that a notebook lists."""


@dataclass(frozen=True)
class Choices:
    """What is asked of a report besides its records.

    Attributes:
        target: What counts as converged instead of what was declared, as METRIC:VALUE[:HOLD].
        baseline: Words that select the setting that the others are compared with.
        facet: The key whose values get panels of their own.
        keys: The keys that settings are named by.
        study: The template of a study's page: a file, or the name of one in experiments/. None for
            the one that the records name, if it is in nnrun's experiments/.
        pdf: Whether each figure is written as PDF, too.
    """

    target: str | None = None
    baseline: str | None = None
    facet: str | None = None
    keys: Sequence[str] = ()
    study: str | None = None
    pdf: bool = False


@dataclass(frozen=True)
class Rebuilt:
    """A report, with what it is made of.

    Attributes:
        path: Of report.html.
        verdict: What was found, in sentences, the answer first.
        findings: All that the page is made of.
        notes: What could not be read, or put together, in sentences.
        unfilled: Why the study's page was left out; empty if it was not.
    """

    path: Path
    verdict: list[str]
    findings: Findings
    notes: list[str]
    unfilled: str = ""

    @property
    def summary(self) -> pd.DataFrame:
        """A row a setting, as `nnrun.statistics.summary.summarise` returns it."""
        return self.findings.summary

    @property
    def contrasts(self) -> pd.DataFrame:
        """A row a contrast, as `nnrun.statistics.contrasts.contrasts` returns it."""
        return self.findings.contrasts

    @property
    def trials(self) -> pd.DataFrame:
        """A row a trial, as `nnrun.Results.trials`."""
        return self.findings.trials

    @property
    def markdown(self) -> str:
        """The report as Markdown, for instance for a pull request."""
        return self.path.with_name(MARKDOWN).read_text(encoding="utf-8")

    def _repr_html_(self) -> str:
        """Show verdict and summary in a notebook."""
        told = Markup("").join(Markup("<li>{}</li>").format(line) for line in self.verdict)
        table = self.summary.head(ROWS).to_html(index=False, float_format="{:.4g}".format)
        return f"<ul>{told}</ul>{table}<p>{escape(str(self.path))}</p>"


def make_report(
    *paths: str | Path,
    target: str | None = None,
    baseline: str | None = None,
    facet: str | None = None,
    keys: str | Sequence[str] = (),
    study: str | Path | None = None,
    out: str | Path | None = None,
    pdf: bool = False,
) -> Rebuilt:
    """Write tables and report anew from the records of a sweep, or of several as one.

    Args:
        *paths: Folders of sweeps, of runs, or of many of these.
        target: What counts as converged instead of what was declared: METRIC:VALUE[:HOLD].
        baseline: The setting that the others are compared with: its id, its label, or keys and
            values that it alone has.
        facet: The key whose values get panels of their own.
        keys: The keys that settings are named by, as a list or joined by commas.
        study: The template of a study's page; None for one of nnrun's own that the records
            name, if any.
        out: Where it goes; None for the sweep's folder, and for several sweeps for a new one
            under outputs/reports.
        pdf: Whether each figure is written as PDF, too, beside SVG and PNG.

    Returns:
        The report: its ``path``, ``verdict``, ``summary``, ``contrasts``, ``trials`` and
        ``markdown``; a notebook shows verdict and summary.

    Raises:
        InputError: If there is nothing to report, or if a choice cannot be met.

    Example:
        >>> import nnrun
        >>> nnrun.make_report("outputs/sweeps/DATE_TIME", baseline="lr=0.1")  # doctest: +SKIP
    """
    words = keys.split(",") if isinstance(keys, str) else keys
    chosen = None if study is None else str(study)
    asked = Choices(target, baseline, facet, [word for word in words if word], chosen, pdf)
    return rebuild([Path(path) for path in paths], asked, None if out is None else Path(out))


def rebuild(
    paths: Sequence[Path],
    choices: Choices = Choices(),
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    modules: Path | None = None,
) -> Rebuilt:
    """Write tables, report and sweep.json of what some records hold.

    Tables and sweep.json take their places together, before the report is drawn: whatever ends
    this early, they are of one sweep. A study's page that these numbers do not bear out is left
    out.

    Args:
        paths: Folders of sweeps, of runs, or of many of these.
        choices: What is asked of the report.
        out: Where it goes; None for the folder of the sweep, and for several sweeps a new folder
            under outputs/reports.
        say: Is told what is being done.
        modules: Where modules are that the records need; without it none is imported.

    Raises:
        InputError: If there is nothing to report, if a choice cannot be met, or while a folder is
            being written.
    """
    notes: list[str] = []
    wanted = read_target(choices.target) if choices.target is not None else None
    template = None if choices.study is None else _template(choices.study)
    say("reading records")
    sources = read_sources(paths, notes)
    metas = [head.meta for source in sources for head in source.heads]
    if modules is not None:
        admit_modules(modules, metas)
    folder = _folder(sources, out)
    heads = [[retargeted(h, wanted) if wanted else h for h in s.heads] for s in sources]
    facts = _chosen(_facts(sources, heads, folder or REPORTS, notes), choices)
    if wanted:
        notes += _judged_otherwise(sources, wanted)
    folder = folder or new_folder(REPORTS)
    folder.mkdir(parents=True, exist_ok=True)
    _require_no_link(folder / FIGURES)
    named = [(s.name, head) for s, mine in zip(sources, heads, strict=True) for head in mine]
    facts["common_grid"] = common_facts(head for _, head in named)
    with alone_in(folder):
        joiner = Joiner(facts, named, wanted is not None, notes)
        say(f"reading {len(facts['settings']):,} settings")
        with together(folder) as new:
            findings = tabulate(joiner, facts, new)
            facts |= {"notes": notes} if notes else {}
            facts |= {"clashes": joiner.clashes} if joiner.clashes else {}
            if folder.resolve() not in [source.folder.resolve() for source in sources]:
                facts["report_of"] = [source.name for source in sources]
            findings = replace(findings, sweep=page_facts(facts))
            facts["verdict"] = verdict(findings)
            write_text(new / SWEEP, json.dumps(facts, indent=1) + "\n")
        records = records_of(head for _, head in named)
        template = template or shipped_template(facts.get("study"))
        done = _written(findings, facts, folder, records, template, say, choices.pdf)
    left_out = [text for text in (not_imported(metas), _unfilled(facts, template)) if text]
    return replace(done, notes=[*done.notes, *left_out])


def _template(name: str) -> Path:
    """Find the template that was asked for."""
    Report(study=name)  # says what is wrong with it
    return study_template(name)


def _unfilled(facts: Mapping[str, Any], template: Path | None) -> str:
    """Say that a record may not choose which file is filled and written; empty if it did not."""
    study = facts.get("study")
    if template or not study:
        return ""
    return (
        f"The study's page is left out: {study} is named by the records alone, which may be a "
        f"stranger's. study={study} fills it."
    )


def _facts(
    sources: Sequence[Source], heads: Sequence[Sequence[Record]], folder: Path, notes: list[str]
) -> dict[str, Any]:
    """Say where the records come from."""
    several = [facts_of(s, mine, folder) for s, mine in zip(sources, heads, strict=True)]
    if len(several) == 1:
        return several[0]
    notes += differences(sources, several)
    return merged_facts(sources, several)


def _chosen(facts: dict[str, Any], choices: Choices) -> dict[str, Any]:
    """Do what is asked of names, baseline and facets."""
    if choices.keys:
        facts = name_by(facts, choices.keys)
    if choices.baseline is not None:
        facts = with_baseline(facts, choices.baseline)
    if choices.facet is not None:
        facts = {**facts, "facet": find_key("facet", choices.facet, facts["telling"])}
    return facts


def _judged_otherwise(sources: Sequence[Source], wanted: Mapping[str, Any]) -> list[str]:
    """Say that the target was given after training, where it is not the declared one."""
    declared = {
        tuple(head.meta["config"].get(f"target.{key}") for key in ("metric", "value", "hold"))
        for source in sources
        for head in source.heads
    }
    others = [
        _held(metric, value, hold)
        for metric, value, hold in sorted(declared, key=str)
        if {"metric": metric, "value": value, "hold": hold} != {"hold": hold, **wanted}
    ]
    if not others:
        return []
    given = _held(wanted["metric"], wanted["value"], wanted.get("hold"))
    return [
        f"Judged against {given} instead of the declared {' or '.join(others)}: this target was "
        "chosen after training."
    ]


def _held(metric: str, value: float, hold: int | None) -> str:
    text = target_text({"metric": metric, "value": value})
    return text if hold is None else f"{text} (held for {things(hold, 'evaluation')})"


def _written(
    findings: Findings,
    facts: dict[str, Any],
    folder: Path,
    records: Mapping[str, Sequence[Path]],
    template: Path | None,
    say: Callable[[str], None],
    pdf: bool,
) -> Rebuilt:
    """Write the pages, and the index if the folder is one of its."""
    from nnrun.report.write import write_report  # it draws: matplotlib takes a second

    notes = [*facts.get("notes", []), *facts.get("clashes", [])]
    unfilled = ""
    try:
        write_report(findings, folder, records, say, template=template, pdf=pdf)
    except InputError as error:
        unfilled = f"the study's page is left out: {error}"
    if folder.parent.name in KINDS and folder.parents[1].name == OUTPUTS:
        write_index(folder.parents[1])
    return Rebuilt(folder / REPORT, facts["verdict"], findings, notes, unfilled)


def _folder(sources: Sequence[Source], out: Path | None) -> Path | None:
    """Return where a report goes; None for a folder that is still to be made.

    Raises:
        InputError: If other results are there.
    """
    if out is None:
        return sources[0].folder if len(sources) == 1 else None
    own = len(sources) == 1 and out.resolve() == sources[0].folder.resolve()
    if not own and _holds_results(out):
        rule = "holds the results of another run or sweep"
        raise InputError(Issue("out", out, rule, "choose another folder"))
    if out.exists() and not out.is_dir():
        raise InputError(Issue("out", out, "is not a folder"))
    return out


def _require_no_link(folder: Path) -> None:
    """Check that figures go into the folder that was named: what is in it may be a stranger's.

    Raises:
        InputError: If a link leads elsewhere.
    """
    if folder.is_symlink():
        rule = "is a link, and figures are not written where it leads"
        raise InputError(Issue("path", folder, rule, "remove it, or choose another --out"))


def _holds_results(folder: Path) -> bool:
    """Tell whether a folder holds what no report has put there."""
    if (folder / RECORD).exists():
        return True
    try:
        facts = read_sweep(folder)
    except InputError:
        return True
    return facts is not None and "report_of" not in facts
