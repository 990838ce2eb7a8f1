"""The one way from records to tables, report, index, sweep.json and MLflow."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from nnrun import documents
from nnrun.calls import current
from nnrun.config.settings import Report
from nnrun.errors import InputError, Issue, refused
from nnrun.interrupt import Ended, Interrupt
from nnrun.launch import terminal
from nnrun.launch.choices import (
    AS_DECLARED,
    Choices,
    chosen,
    judged_otherwise,
    read_target,
    retargeted,
)
from nnrun.launch.facts import sweep_facts
from nnrun.launch.history import History
from nnrun.launch.required import meant
from nnrun.launch.sources import Joiner, Source, read_sources
from nnrun.launch.sweeps import (
    as_told,
    differences,
    merged,
    sweep_of_source,
)
from nnrun.layout import (
    CACHE,
    FIGURES,
    INDEX,
    KINDS,
    MARKDOWN,
    OUTPUTS,
    REPORT,
    new_folder,
    shipped_template,
    study_template,
    together,
)
from nnrun.model.load import admit_modules, not_imported
from nnrun.records.lock import alone_in
from nnrun.records.record import RECORD, Record
from nnrun.records.sweep import MARGIN, Sweep, read_sweep
from nnrun.report.index import write_index
from nnrun.report.verdict import verdict
from nnrun.results.results import Results
from nnrun.results.tabulate import (
    records_of,
    tabulate,
)
from nnrun.text import setting_name
from nnrun.tracking.process import MirrorProcess
from nnrun.trials.cache import Cache
from nnrun.trials.progress import Clock, waiting

SOON = 1.2
"""Seconds after a signal until which MLflow is waited for."""

REPORTS = Path(OUTPUTS) / "reports"


@dataclass(frozen=True)
class Launched:
    """What a launch hands over with its records: it holds the folder's lock.

    Attributes:
        clock: Counts the stages.
        mirror: Of it in MLflow; None if tracking is off.
        interrupt: Whether an end is asked for: after one only what is quick is made.
        cache: Where trials are found that were watched for an earlier report; None for nowhere.
    """

    clock: Clock
    mirror: MirrorProcess | None
    interrupt: Interrupt
    cache: Cache | None = None


@dataclass(frozen=True)
class Finished:
    """What was made of records.

    Attributes:
        folder: Where it is.
        sweep: The content of its sweep.json.
        results: All that the page is made of; None if there is no record.
        notes: What could not be read, or put together, in sentences.
        unfilled: Why the study's page was left out; empty if it was not.
        undrawn: Whether a setting could not be animated, or a study's page not be filled.
        whole: Whether all was drawn that was asked for, before an end was.
    """

    folder: Path
    sweep: Sweep
    results: Results | None
    notes: Sequence[str] = ()
    unfilled: str = ""
    undrawn: bool = False
    whole: bool = True

    @property
    def failed(self) -> bool:
        """Whether a job failed, or what was to be drawn could not be."""
        return self.undrawn or any(job.status == "failed" for job in self.sweep.jobs)

    def show(self) -> None:
        """Say on the terminal what was found, and where it is, or hand it to who called."""
        if (call := current()) is not None:
            call.finished = self
        if self.results is not None:
            terminal.show_results(self.results, self.sweep, self.folder)
        for note in self.notes:
            terminal.warn(note)
        self.tell()

    def tell(self) -> None:
        """Put what was found into the document, where the command answers in JSON."""
        if documents.wanted():
            documents.give("sweep", **sweep_facts(self.sweep, self.results, self.folder))
            if lost := (self.sweep.tracking or {}).get("error"):
                documents.add("warnings", f"MLflow: {lost}")
            if warned := (self.sweep.tracking or {}).get("warning"):
                documents.add("warnings", warned)


def make_report(
    *paths: str | Path,
    target: str | None = None,
    baseline: str | None = None,
    facet: str | None = None,
    within: str | None = None,
    keys: str | Sequence[str] = (),
    study: str | Path | None = None,
    out: str | Path | None = None,
    pdf: bool = False,
    handout: bool = False,
    margin: float | None = None,
) -> Results:
    """Write tables and report anew from the records of a sweep, or of several as one.

    Args:
        *paths: Folders of sweeps, of runs, or of many of these.
        target: What counts as converged instead of what was declared: METRIC:VALUE[:HOLD].
        baseline: The setting that the others are compared with: its id, its label, or keys and
            values that it alone has.
        facet: The key whose values get panels of their own, and comparisons within each; None for
            what the jobs said, "" for none.
        within: The key within each of whose values the others are compared, without panels;
            likewise.
        keys: The keys that settings are named by, as a list or joined by commas.
        study: The template of a study's page; None for one of nnrun's own that the records
            name, if any.
        out: Where it goes; None for the sweep's folder, and for several sweeps for a new one
            under outputs/reports.
        pdf: Whether each figure is written as PDF, too, beside SVG and PNG.
        handout: Whether handout.html is written, too: one sheet for print.
        margin: The share by which times may differ that count as the same, above 0 and below 1;
            None for what the jobs said.

    Returns:
        What was found, with the ``path`` of the report, its ``verdict`` and ``markdown``; a
        notebook shows verdict and summary.

    Raises:
        InputError: If there is nothing to report, or if a choice cannot be met.

    Example:
        >>> import nnrun
        >>> nnrun.make_report("outputs/sweeps/DATE_TIME", baseline="lr=0.1")  # doctest: +SKIP
    """
    words = keys.split(",") if isinstance(keys, str) else keys
    template = None if study is None else str(study)
    named = [word for word in words if word]
    asked = Choices(target, baseline, facet, within, named, template, pdf, handout, margin=margin)
    folder = None if out is None else Path(out)
    found = rebuild([Path(path) for path in paths], asked, folder).results
    assert found is not None  # else there was nothing to report
    return found


def rebuild(
    paths: Sequence[Path],
    choices: Choices = AS_DECLARED,
    out: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
    modules: Path | None = None,
) -> Finished:
    """Make tables, report and sweep.json anew of the records under some folders.

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
    if choices.target is not None:
        read_target(choices.target)  # what is wrong with it is said before records are read
    margin = MARGIN if choices.margin is None else choices.margin
    Report(study=choices.study, require=choices.require, margin=margin)
    say("reading records")
    sources = read_sources(paths, notes)
    metas = [head.meta for source in sources for head in source.heads]
    if modules is not None:
        admit_modules(modules, metas)
    done = finish(sources, choices, out, notes=notes, say=say)
    left_out = [not_imported(metas), _named_by_records(done.sweep.study, choices)]
    return replace(done, notes=[*done.notes, *(text for text in left_out if text)])


def finish(
    sources: Sequence[Source],
    choices: Choices = AS_DECLARED,
    out: Path | None = None,
    launched: Launched | None = None,
    notes: Sequence[str] = (),
    say: Callable[[str], None] = lambda text: None,
) -> Finished:
    """Make all that is made of records: of a launch's own, or of those of sweeps on disk.

    All files of a report take their places together at the end: whatever ends this early, what
    stands in the folder is of one making. A launch, in whose folder there is nothing yet, lets its
    tables and sweep.json do so before its report is drawn. A study's page that these numbers do not
    bear out is left out.

    Args:
        sources: The sweeps, as they were read, or as a launch leaves its own.
        choices: What is asked of the report.
        out: Where it goes; None for the folder of the sweep, and for several sweeps a new folder
            under outputs/reports.
        launched: What a launch hands over; None where records are read back.
        notes: What could not be read.
        say: Is told what is being done.

    Raises:
        InputError: If a choice cannot be met, or another writes into the folder.
    """
    told, clock = list(notes), launched.clock if launched else Clock()
    with clock("tables"):
        folder = _folder(sources, out)
        wanted = read_target(choices.target) if choices.target is not None else None
        heads = [[retargeted(h, wanted) if wanted else h for h in s.heads] for s in sources]
        described = _described(sources, heads, folder or REPORTS, told)
        sweep = chosen(described, choices, (head.meta for mine in heads for head in mine), told)
        history = History.of(heads, launched.cache if launched else None)
        sweep = history.add_to(sweep, told)
        if choices.require:
            meant(sweep, choices.require)
        if wanted:
            told += judged_otherwise(sources, wanted)
    folder = folder or new_folder(REPORTS)
    folder.mkdir(parents=True, exist_ok=True)
    _require_no_link(folder / FIGURES)
    if folder.resolve() not in [source.folder.resolve() for source in sources]:
        sweep = replace(sweep, report_of=[source.name for source in sources])
    with nullcontext() if launched else alone_in(folder):
        if not any(heads):
            replace(sweep, stages=clock.report()).write(folder)
            return Finished(folder, sweep, None, told)
        named = [(s.name, head) for s, mine in zip(sources, heads, strict=True) for head in mine]
        making = Making(sweep, folder, [head for _, head in named], launched)
        say(f"reading {len(sweep.settings):,} settings")
        settings = Joiner(sweep, named, wanted is not None, told)
        with together(folder) as new:
            making.tables(new, settings, told)
            # what nobody is shown is not looked at
            if making.reports or making.sweep.auto or documents.wanted():
                history.note(making.sweep)
            if launched is None:
                making.report(new, choices, say, lambda: False)
                making.whole = True
        if launched is not None:
            making.rest(launched, choices)
        making.index()
    done = making.sweep
    results, said = making.results.of(done, folder), [*done.notes, *done.clashes]
    return Finished(folder, done, results, said, making.unfilled, making.undrawn, making.whole)


@dataclass
class Making:
    """What is made in a folder, step by step.

    Attributes:
        sweep: The content of sweep.json so far.
        folder: Where it goes.
        heads: Of all records.
        launched: What a launch handed over; None where records were read back.
        unfilled: Why the study's page was left out; empty if it was not.
        undrawn: Whether a setting could not be animated, or a study's page not be filled.
        whole: Whether all was drawn that was asked for, before an end was.
    """

    sweep: Sweep
    folder: Path
    heads: Sequence[Record]
    launched: Launched | None
    unfilled: str = ""
    undrawn: bool = False
    whole: bool = False
    results: Results = field(init=False)

    @property
    def reports(self) -> bool:
        """Whether a page is asked for: always, where records were read back."""
        return self.launched is None or self.heads[0].meta["report"] != "off"

    def tables(self, new: Path, settings: Joiner, notes: Sequence[str]) -> None:
        """Write tables and sweep.json into the folder of what waits for its place."""
        with self._clock("tables"):
            results = tabulate(settings, self.sweep, new)
        self.sweep = replace(self._timed(), notes=notes, clashes=settings.clashes)
        # a launch's tables take their places before its page is drawn, which may read them
        there = self.folder if self.launched else new
        self.results = replace(results, sweep=as_told(self.sweep), folder=there)
        if self.reports:
            self.sweep = replace(self.sweep, verdict=verdict(self.results))
        self._timed().write(new)

    def rest(self, launched: Launched, choices: Choices) -> None:
        """Draw a launch's pages and animations, and tell MLflow; after a signal what is quick."""
        mirror, interrupt = launched.mirror, launched.interrupt
        if mirror:
            with self._clock("mlflow"):
                mirror.add_settings(records_of(self.heads), self.sweep, self.results)
        with suppress(Ended), interrupt.let_through():
            if self.reports:
                with self._clock("report"), waiting() as say, together(self.folder) as new:
                    self.report(new, choices, say, interrupt.pressed)
            if self.heads[0].meta.get("animate", False) is not False:  # 0 is a seed
                with self._clock("animate"):
                    # draws networks, and so is loaded where that is asked for
                    from nnrun.pictures.animation import animate_settings

                    pages, failed = animate_settings(
                        self.heads, self.results, self.folder, interrupt.pressed, terminal.warn
                    )
                    self.sweep = replace(self.sweep, animations=pages)
                    self._link(self.folder)
                    self.undrawn |= failed
            self.whole = True
        self.whole |= not self.reports
        if mirror:
            with self._clock("mlflow"):
                self._tell(mirror, interrupt)
        self.sweep = self._timed()
        self.sweep.write(self.folder)

    def index(self) -> None:
        """Write the index of all sweeps anew, where this one stands among them; it may fail."""
        outputs = self.folder.parent.parent
        if not self.reports or self.folder.parent.name not in KINDS or outputs.name != OUTPUTS:
            return
        try:
            with _let_through(self.launched):
                write_index(outputs)
        except OSError as error:
            terminal.warn(refused(error))
        except Exception as error:  # whatever a file of another sweep holds: this one is done
            terminal.warn(f"{outputs / INDEX} was not written: {error}")

    def report(
        self,
        new: Path,
        choices: Choices,
        say: Callable[[str], None],
        stopped: Callable[[], bool],
    ) -> None:
        """Write the pages where they wait for their place; a study's may be left out."""
        from nnrun.report.page import write_report  # it draws: matplotlib takes a second

        handout = choices.handout or any(head.meta.get("handout") for head in self.heads)

        template = _template(self.sweep.study, choices, trusted=self.launched is not None)
        records = records_of(self.heads)
        # where no sweep was trained, there is none to look into, and none is made
        cache = self.launched.cache if self.launched else Cache() if CACHE.is_dir() else None
        try:
            write_report(
                self.results, new, records, say, stopped, template, choices.pdf, cache, handout
            )
        except InputError as error:  # the results are there, whatever a study's page cannot say
            self.unfilled = f"the study's page is left out: {error}"
            self.undrawn = True
            if self.launched:
                terminal.warn(str(error))
            if template is not None and template.name != f"{MARKDOWN}.j2":
                # an older one says what other numbers said
                (self.folder / template.name.removesuffix(".j2")).unlink(missing_ok=True)
        self._link(new)

    def _link(self, new: Path) -> None:
        """Link the report to the animations that stand beside it."""
        from nnrun.report.page import link_animations

        names = {str(job.number): job.label for job in self.sweep.jobs}
        if len(self.sweep.animations or ()) > 1:
            names[""] = "side by side"  # that of several stands in the sweep's folder
        links = [
            (page, setting_name(names.get(Path(page).parent.name)))
            for page in self.sweep.animations or ()
            if (self.folder / page).is_file()
            and (self.folder / page).resolve().is_relative_to(self.folder.resolve())
        ]
        if (new / REPORT).is_file():
            link_animations(new / REPORT, links)

    def _tell(self, mirror: MirrorProcess, interrupt: Interrupt) -> None:
        """Tell MLflow of the sweep; after a signal for as long as there is time."""
        if interrupt.pressed():
            mirror.hurry(interrupt.left(SOON))
            mirror.add_sweep(self.sweep, self.results, self.folder)
        else:
            with suppress(Ended), interrupt.let_through():
                mirror.add_sweep(self.sweep, self.results, self.folder)
            mirror.hurry(interrupt.left(SOON) if interrupt.pressed() else inf)
        mirror.close()

    def _timed(self) -> Sweep:
        """Return the sweep with the seconds of all stages so far, where a launch counts them."""
        if self.launched is None:
            return self.sweep
        return replace(self.sweep, stages=self.launched.clock.report())

    def _clock(self, stage: str) -> AbstractContextManager[None]:
        return self.launched.clock(stage) if self.launched else nullcontext()


@contextmanager
def _let_through(launched: Launched | None) -> Iterator[None]:
    """Let a signal end the ``with`` block of a launch; elsewhere it does as everywhere.

    A signal that came before has ended what it was meant for.
    """
    if launched is None or launched.interrupt.pressed():
        yield
    else:
        with suppress(Ended), launched.interrupt.let_through():
            yield


def _described(
    sources: Sequence[Source], heads: Sequence[Sequence[Record]], folder: Path, notes: list[str]
) -> Sweep:
    """Say what the sweep is that some records make."""
    several = [sweep_of_source(s, mine, folder) for s, mine in zip(sources, heads, strict=True)]
    if len(several) == 1:
        return several[0]
    notes += differences(sources, several)
    return merged(sources, several)


def _template(study: str | None, choices: Choices, trusted: bool) -> Path | None:
    """Find the template of the study's page.

    The user's own jobs may name any file; a record may be a stranger's, and choose none.
    """
    if choices.study is not None:
        return study_template(choices.study)
    if trusted:
        return study_template(study) if study else None
    return shipped_template(study)


def _named_by_records(study: str | None, choices: Choices) -> str:
    """Say that a record may not choose which file is filled and written; empty if it did not."""
    if not study or choices.study is not None or shipped_template(study):
        return ""
    return (
        f"The study's page is left out: {study} is named by the records alone, which may be a "
        f"stranger's. study={study} fills it."
    )


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
        sweep = read_sweep(folder)
    except InputError:
        return True
    return sweep is not None and not sweep.report_of
