"""What a report is made of: everything that was found, short of the curves of single trials."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd

from nnrun.results import Results
from nnrun.statistics.bands import SettingBands, bands_of_curves
from nnrun.statistics.summary import summarise


@dataclass(frozen=True)
class Findings:
    """What a sweep found.

    Its size goes with the number of trials and settings, not with the length of their curves.

    Attributes:
        trials: As `nnrun.results.Results.trials`, in the sweep's order of settings: the baseline
            comes first.
        bands: Learning curves over the seeds, by setting; none of a setting that did not train.
        summary: A row a setting, as `nnrun.statistics.summary.summarise` returns it.
        sweep: Provenance: the content of sweep.json.
    """

    trials: pd.DataFrame
    bands: Mapping[str, SettingBands]
    summary: pd.DataFrame
    sweep: Mapping[str, Any]

    @classmethod
    def of(cls, results: Results) -> Self:
        """Make findings of a sweep's tables, for instance of what ``nnrun.load`` returns."""
        place = {s["id"]: i for i, s in enumerate(results.sweep["settings"])}
        order = results.trials["setting"].map(place).astype("float64")
        trials = results.trials.loc[order.sort_values(kind="stable").index]
        summary = summarise(trials, results.varying)
        return cls(trials, bands_of_curves(results.curves), summary, results.sweep)

    @property
    def varying(self) -> list[str]:
        """Keys that differ between the settings, as dotted names; columns of ``trials``."""
        return list(self.sweep["varying"])

    @property
    def telling(self) -> list[str]:
        """Those of them that do not follow from others, as one says them: data for data.name."""
        keys = self.sweep.get("telling", self.varying)
        return [key.removesuffix(".name") for key in keys]
