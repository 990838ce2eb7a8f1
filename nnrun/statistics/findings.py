"""What a report is made of: everything that was found, short of the curves of single trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd

from nnrun.results import Results
from nnrun.statistics.contrasts import contrasts
from nnrun.statistics.curves import SettingBands, bands_of_curves
from nnrun.statistics.effects import effects
from nnrun.statistics.ladder import align, ladder_of_curves, profile
from nnrun.statistics.sensitivity import sensitivity
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
        ladder: A row a trial, with the index and order of ``trials``, a column a rung of
            `nnrun.statistics.ladder.RUNGS`: samples; inf where it was not reached, NaN where the
            metric has no meaning and in trials that did not train.
    """

    trials: pd.DataFrame
    bands: Mapping[str, SettingBands]
    summary: pd.DataFrame
    sweep: Mapping[str, Any]
    ladder: pd.DataFrame

    @classmethod
    def of(cls, results: Results) -> Self:
        """Make findings of a sweep's tables, for instance of what ``nnrun.load`` returns."""
        place = {s["id"]: i for i, s in enumerate(results.sweep["settings"])}
        # which seeds a resample draws goes by their order
        order = np.lexsort((results.trials["seed"], results.trials["setting"].map(place)))
        trials = results.trials.iloc[order]
        summary = summarise(trials, results.varying)
        ladder = align(trials, ladder_of_curves(results.curves, trials, results.sweep))
        return cls(trials, bands_of_curves(results.curves), summary, results.sweep, ladder)

    @property
    def varying(self) -> list[str]:
        """Keys that differ between the settings, as dotted names; columns of ``trials``."""
        return list(self.sweep["varying"])

    @property
    def telling(self) -> list[str]:
        """Those of them that do not follow from others, as one says them: data for data.name."""
        keys = self.sweep.get("telling", self.varying)
        return [key.removesuffix(".name") for key in keys]

    @cached_property
    def contrasts(self) -> pd.DataFrame:
        """What the sweep varied compared, as `nnrun.statistics.contrasts.contrasts` returns it."""
        return contrasts(self.trials, self.sweep)

    def profile(self, settings: Sequence[str]) -> pd.DataFrame:
        """Say how much of the whole target ladder some settings have solved by when."""
        return profile(self.ladder, self.trials, self.sweep, settings)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """What the factors of a full grid account for."""
        return effects(self.trials, self.sweep)

    def sensitivity(self, settings: Sequence[str]) -> pd.DataFrame:
        """Say how the speed-up of settings depends on target, budget and number of seeds."""
        return sensitivity(self.trials, self.ladder, self.sweep, settings)
