"""A study's page: a template in Markdown, filled with the numbers of its own sweep."""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import TemplateError
from markupsafe import Markup

from nnrun import text as words
from nnrun.errors import InputError, Issue, did_you_mean, listed
from nnrun.jinja import mistake
from nnrun.layout import MARKDOWN, write_text
from nnrun.report.figures import FIGURES, md
from nnrun.report.sentences import mark
from nnrun.report.study_language import Language, Values, columns, plain
from nnrun.results.results import Results
from nnrun.statistics.contrasts import contrasts, judged
from nnrun.statistics.curves import target_times
from nnrun.statistics.factors import levels, names
from nnrun.statistics.pairs import clock, pairs, questions
from nnrun.statistics.survival import judged_on, shared_target

Row = Mapping[str, Any]

FIGURE = re.compile(r"[\w][\w-]*")  # what a figure's file may be called, without its ending

OFFERED = ("setting", "trials", "time_to", "compare", "require", "figure")
"""What a template can call."""

BAD_PAGE = (
    *(TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    *(MemoryError, RecursionError),
)
"""What a mistake in a template raises."""


class Study:
    """What a study's template can ask for: settings by their levels, and contrasts of two.

    All that is handed out are plain values: a table's own methods write files.

    What the report compares, the page tells as the report does. The other contrasts that the
    template asks for are the study's family: their p-values are corrected together (Holm). So the
    page is rendered twice, the first time to learn what it asks.

    Args:
        results: What the sweep found.
    """

    def __init__(self, results: Results) -> None:
        self.results = results
        said = levels(results.sweep).rename(columns=names(results.sweep))
        self._levels = said.map(_plain)
        self._rows = results.summary.set_index("setting", drop=False)
        self._asked: dict[tuple[str, str], pd.DataFrame] = {}
        self._family: dict[tuple[str, str], Row] = {}
        self._known: dict[tuple[str, str], Row | None] = {}
        self._folder: Path | None = None

    def id(self, **wanted: str) -> str:
        """Find the one setting that has these levels, by the factors' names in labels.

        Raises:
            InputError: If there is none, or more than one.
        """
        found = self._having(wanted)
        if len(found) != 1:
            rule = f"fits {len(found)} settings of the study, and must fit one"
            hint = listed(list(self._rows["label"]))
            raise InputError(Issue("study", wanted, rule, hint))
        return found[0]

    def setting(self, **wanted: str) -> Row:
        """Return the row of the summary of the setting that has these levels."""
        id_ = self.id(**wanted)
        config = next(s.config for s in self.results.sweep.settings if s.id == id_)
        return _row({**config, **self._rows.loc[id_]})

    def trials(self, **wanted: str) -> Mapping[str, Values]:
        """Return the columns of the trials of the setting that has these levels."""
        return columns(self.results.trials[self.results.trials["setting"] == self.id(**wanted)])

    def time_to(self, accuracy: float, **wanted: str) -> Row:
        """Return the quartiles of samples to an accuracy that is held as the target is."""
        target = shared_target(self.results.sweep) or {"hold": 1}
        curves = self.results.curves
        mine = curves[curves["setting"] == self.id(**wanted)]
        return _row(
            target_times(mine, [accuracy], int(target["hold"]), judged_on(self.results.sweep)).iloc[
                0
            ]
        )

    def compare(self, a: Mapping[str, str], b: Mapping[str, str]) -> Row:
        """Return the contrast of one setting with another.

        It is the report's row where the report has it: also at one level of another factor, or of
        two levels that only these settings tell of. ``p_holm`` of others is within the page's
        family.
        """
        pair = self.id(**a), self.id(**b)
        if pair not in self._known:
            self._known[pair] = self._reported(pair)
        if (known := self._known[pair]) is not None:
            return known
        if pair not in self._asked:
            self._asked[pair] = self._contrast(*pair)
        return self._family.get(pair) or _row(self._asked[pair].iloc[0])

    def require(self, holds: bool, sentence: str) -> str:
        """Say a sentence of the page that rests on a number.

        Raises:
            InputError: If the numbers no longer bear it out.
        """
        if not holds:
            rule = "is not what this sweep found, so the page was not written"
            raise InputError(Issue("study", sentence, rule, "mend the sentence in the template"))
        return sentence

    def figure(self, kind: str, name: str, words: str, facet: str, **only: str) -> Markup:
        """Draw a figure beside the page, and return what shows it there.

        Args:
            kind: As `nnrun.report.figures.FIGURES`.
            name: Of its file, which stands beside the page: letters, digits, - and _.
            words: What it shows, for those who do not see it.
            facet: The factor that makes the panels.
            only: Levels of factors that are drawn.

        Raises:
            InputError: If the name is none of a file, or of an own one of the report.
        """
        if not FIGURE.fullmatch(name):
            rule = "is no name of a figure: letters, digits, - and _ make one"
            raise InputError(Issue("study", name, rule))
        if self._folder is not None:
            settings = self._having(only)
            text = FIGURES[kind](self._part(settings), self.results.curves, facet)
            write_text(self._folder / f"{name}.svg", text)
        return Markup(f"![{md(words)}]({name}.svg)")

    def closed(self, folder: Path) -> "Study":
        """Correct all contrasts that were asked for together; from now on figures are drawn."""
        self._folder = folder
        if self._asked:
            table = judged(pd.concat(self._asked.values(), ignore_index=True))
            rows = map(_row, table.to_dict("records"))
            self._family = dict(zip(self._asked, rows, strict=True))
        return self

    def _having(self, wanted: Mapping[str, str]) -> list[str]:
        table = self._levels
        for factor, level in wanted.items():
            if factor not in table:
                hint = did_you_mean(factor, table.columns)
                raise InputError(Issue("study", factor, "is no factor of the sweep", hint))
            table = table[table[factor] == _plain(level)]
        return [str(setting) for setting in table.index]

    def _part(self, settings: list[str]) -> Results:
        """Take some settings, in the order of the sweep."""
        found, sweep = self.results, self.results.sweep
        sweep = replace(sweep, settings=[one for one in sweep.settings if one.id in settings])
        trials = found.trials[found.trials["setting"].isin(settings)]
        summary = found.summary[found.summary["setting"].isin(settings)]
        ladder = found.ladder.loc[trials.index]
        known = {"summary": summary, "ladder": ladder, "bands": found.bands}
        return replace(found, trials=trials, sweep=sweep, known=known)

    def _reported(self, pair: tuple[str, str]) -> Row | None:
        """Find the row of the report that compares just these two settings."""
        table, on = self.results.contrasts, clock(self.results.trials, self.results.sweep)
        for question in questions(self.results.sweep):
            if pair not in question.blocks:
                continue
            same = table[["key", "a", "b"]] == [question.key, question.a, question.b]
            for row in table[same.all(axis=1)].to_dict("records"):
                level = str(row["within"])
                asked = question.at(*level.split("=", 1)) if level else question
                if [asked.blocks[i] for i in pairs(asked, on).used] == [pair]:
                    return _row({**row, "a": pair[0], "b": pair[1]})
        return None

    def _contrast(self, a: str, b: str) -> pd.DataFrame:
        trials, sweep = self.results.trials, self.results.sweep
        about = {s.id: s for s in sweep.settings}
        only = replace(sweep, settings=[about[b], about[a]], telling=[], varying=[])
        found = contrasts(trials[trials["setting"].isin([a, b])], only)
        return found[found["family"] == "setting"]


def write_study(template: Path, results: Results, folder: Path) -> Path:
    """Fill a study's template and draw its figures.

    Args:
        template: For instance experiments/NAME.md.j2.
        results: What the sweep found.
        folder: Where the page and its figures go.

    Returns:
        Path of the page, NAME.md; there is none if it cannot be filled.

    Raises:
        InputError: If the page asks for what the sweep does not have, or says what it did not find.
    """
    path = folder / template.name.removesuffix(".j2")
    wrong = mistake(template)
    if path.name == MARKDOWN:
        wrong = f"would be written over {MARKDOWN}"
    if wrong:
        raise InputError(Issue("study", template, wrong))
    study = Study(results)
    about = {name: getattr(study, name) for name in OFFERED}
    about["sweep"] = plain(results.sweep.to_facts())
    path.unlink(missing_ok=True)  # an older one says what other numbers said
    try:
        page = _language(template.parent, results.sweep.margin).from_string(
            template.read_text(encoding="utf-8")
        )
        page.render(about)
        study.closed(folder)
        write_text(path, page.render(about))
    except BAD_PAGE as error:
        if isinstance(error, InputError):
            raise
        rule = f"cannot be filled with the numbers of this sweep ({error!r})"
        raise InputError(Issue("study", template, rule)) from error
    return path


def _language(folder: Path, margin: float) -> Language:
    language = Language(folder)
    for name in ("number", "count", "share", "p_value"):
        language.filters[name] = getattr(words, name)
    language.filters["md"] = md
    language.filters["claimed"] = partial(mark, margin=margin)
    return language


def _row(values: Any) -> Row:
    return {str(key): plain(value) for key, value in dict(values).items()}


def _plain(level: str) -> str:
    return level.replace(" ", "")
