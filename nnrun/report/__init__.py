"""From what a sweep found to its report.

Words:

- ``verdict``: what was found, in sentences, and what these must not be taken for.
- ``captions``: a caption for each figure and for the table.
- ``limits``: what a reader must know before leaning on the numbers.
- ``jobs``: jobs that failed or are missing, and what that leaves of the sweep.
- ``provenance``: where the numbers come from.
- ``facts``: what sweep.json says of a sweep, and what of it the page may tell.

The page:

- ``figures``: the figures that the findings can fill, as files and inside the page.
- ``rows``: the settings that the page's table has room for.
- ``sections``: what follows the first screen.
- ``page``: report.html and report.md, from ``templates/``.
- ``index``: index.html over all sweeps and runs.

Anew, from records:

- ``sources``: the records under some folders, by the sweep that they are of.
- ``merge``: what several sweeps say of themselves, put together.
- ``join``: their records, setting by setting, and what clashes between them.
- ``choices``: another target, baseline, facet, or naming of settings.
- ``rebuild``: tables, report and sweep.json of these.
- ``__main__``: ``python -m nnrun.report PATH [PATH ...]``; in Python ``nnrun.report(path, ...)``.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnrun.report.rebuild import Rebuilt


class _Report(ModuleType):
    # ``nnrun.report`` is a package, for ``python -m nnrun.report``, and a function in notebooks:
    # a module can be called if its class can, and a module may be given another class.

    def __call__(
        self,
        *paths: str | Path,
        target: str | None = None,
        baseline: str | None = None,
        facet: str | None = None,
        keys: str | Sequence[str] = (),
        study: str | Path | None = None,
        out: str | Path | None = None,
    ) -> "Rebuilt":
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

        Returns:
            The report: its ``path``, ``verdict``, ``summary``, ``contrasts``, ``trials`` and
            ``markdown``; a notebook shows verdict and summary.

        Raises:
            InputError: If there is nothing to report, or if a choice cannot be met.

        Example:
            >>> import nnrun
            >>> nnrun.report("outputs/sweeps/DATE_TIME", baseline="lr=0.1")  # doctest: +SKIP
        """
        from nnrun.report.rebuild import Choices, rebuild

        words = keys.split(",") if isinstance(keys, str) else keys
        chosen = None if study is None else str(study)
        asked = Choices(target, baseline, facet, [word for word in words if word], chosen)
        return rebuild([Path(path) for path in paths], asked, None if out is None else Path(out))


sys.modules[__name__].__class__ = _Report
