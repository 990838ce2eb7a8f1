"""A sweep: what was asked for, where it comes from and how it ended: all about sweep.json."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

from nnrun.layout import write_text
from nnrun.records.plain import NUMBER, TEXT, Damaged, read_plain, reading, require, require_version
from nnrun.text import OWN, Words, words_for

SWEEP = "sweep.json"
SCHEMA_VERSION = 1

MARGIN = 0.1
"""Share by which times may differ that count as the same, where nothing else was asked for."""

STATUSES = ("complete", "failed", "missing", "interrupted", "running")

TARGET = {
    "target.metric?": TEXT,
    "target.value?": (*NUMBER, type(None)),
    "target.hold?": (int, type(None)),
}
"""What a setting says of its target."""

JOB = {
    "number": int, "overrides": [str], "setting": str, "status": str, "label?": TEXT,
    "seeds?": ([int], None), "engine?": TEXT, "error?": TEXT, "log?": TEXT, "sweep?": str,
}  # fmt: skip
SETTING = {"id": str, "label": str, "config": TARGET}
TRACKING = {
    "uri?": TEXT, "experiment?": TEXT, "id?": TEXT, "error?": TEXT, "settings?": dict,
    "not_logged?": [str], "sweep?": TEXT, "view?": TEXT, "charts?": TEXT, "ui?": TEXT,
    "digest?": TEXT, "model?": TEXT, "warning?": TEXT,
}  # fmt: skip
AIM = {key.replace("target.", ""): kind for key, kind in TARGET.items()}
AUTO = {"most": int, "block": int, "replanned?": bool}
FIELDS = {
    "status": str, "name?": TEXT, "started?": TEXT, "command?": TEXT, "git?": TEXT, "study?": TEXT,
    "overrides?": [str], "jobs?": ([JOB], None), "settings?": ([SETTING], None), "varying?": [str],
    "telling?": [str], "constant?": (dict, type(None)), "budget?": (*NUMBER, type(None)),
    "target?": (AIM, None),
    "tables?": [[str]], "tuned?": [str], "tuning?": ({"seeds": [int], "rows": [dict]}, None),
    "stages?": (dict, type(None)), "tracking?": (TRACKING, None), "verdict?": ([str], None),
    "common_grid?": ({"samples": [NUMBER], "apart": NUMBER, "one_in?": NUMBER}, None),
    "animations?": ([str], None),
    "margin?": NUMBER, "looks?": [int],
    "auto?": (AUTO, None),
    "measured?": ({"x": str, "y": str, "rising": bool}, None), "unpaired?": bool,
    "held_out?": [int], "report_of?": [str], "notes?": [str], "clashes?": [str],
}  # fmt: skip
"""What it says of any sweep, also of one that is under way."""

OF_RESULTS = {"settings": list, "jobs": list, "varying": list, "telling": list, "target": dict}
"""What it must say besides where there are results."""

AFTERWARDS = "this target was chosen after training."
"""How the note ends that says so."""

IF_ANY = (
    *("tables", "held_out", "tuned", "tuning", "looks", "auto", "verdict"),
    *("facet", "within", "merged", "report_of", "notes", "clashes", "measured", "unpaired"),
)
"""What is left out where there is none of it."""


@dataclass(frozen=True)
class LabelledSetting:
    """A setting of a sweep.

    Attributes:
        id: Hash of its configuration.
        label: The keys that vary, in words; no other setting of the sweep has the same.
        config: Flat, by dotted keys.
    """

    id: str
    label: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class SweepJob:
    """A job that was asked for, and how it ended.

    Attributes:
        number: In the sweep.
        overrides: Its own.
        setting: Id of its setting.
        status: ``complete``, ``failed``, or ``missing`` where there is no record of it.
        label: Of its setting.
        seeds: The first and the last of its trials; None without a record.
        engine: That trained it.
        error: The traceback of a failed one.
        log: Of a failed one, as seen from the sweep's folder.
        sweep: The name of the sweep that it is of, where several were put together.
    """

    number: int
    overrides: Sequence[str]
    setting: str
    status: str = "missing"
    label: str | None = None
    seeds: Sequence[int] | None = None
    engine: str | None = None
    error: str | None = None
    log: str | None = None
    sweep: str | None = None

    def to_facts(self) -> dict[str, Any]:
        """Return what sweep.json says of it: of a job without a record only what was asked for."""
        keys = ["number", "overrides", "setting", "status"]
        if self.seeds is not None:
            keys[3:] = ["label", "seeds", "engine", "status", "error", "log"]
        elif self.label is not None:
            keys.append("label")
        if self.sweep is not None:
            keys.append("sweep")
        return {key: getattr(self, key) for key in keys}


@dataclass(frozen=True)
class Sweep:
    """What a sweep is, in the order in which sweep.json says it.

    Attributes:
        status: One of ``STATUSES``.
        name: Of the experiment.
        overrides: As given on the command line.
        command: The whole command line.
        started: Date and time in ISO format.
        git: Commit, or None.
        numerics: Version of the numerics that trained it.
        versions: Of Python and of packages.
        processor: That trained it.
        platform: Likewise.
        study: Template of the study's page, if there is one.
        jobs: In the order of their numbers.
        settings: In order of first appearance, the baseline first.
        varying: Dotted keys that differ between the settings.
        telling: Those of them that do not follow from others.
        constant: The flat configuration that all settings share.
        budget: Most samples that a trial could see.
        target: ``metric``, ``value`` and ``hold`` of the first setting.
        tables: What was understood of each table that was read, in lines.
        held_out: Numbers of points on which settings were evaluated, each once.
        tuned: Dotted keys that were tuned for each arm.
        tuning: The tuning ``seeds``, first and last, and ``rows``, one a choice that was tried.
        looks: The most seeds that a setting had each time that results of these jobs were looked
            at, ascending, the last is now; empty or one for a single look.
        auto: ``most`` seeds a setting and seeds a ``block``, where the number of seeds was left to
            the results, and ``replanned`` where they were looked at by another plan before; None
            where the number was fixed.
        stacks: What was trained together: trials, samples, engine and seconds.
        tracking: Where its MLflow runs are; None without any.
        common_grid: The points at which settings are judged whose evaluations differ: ``samples``,
            how far evaluations may be ``apart`` that count as one, and ``one_in`` how many is one
            (1 where it is missing, as in sweeps judged before there was one).
        verdict: What was found, in sentences, the answer first.
        animations: Pages, as paths from the sweep's folder; None where none was asked for.
        stages: Seconds by stage.
        facet: The key whose values were given panels of their own.
        within: The key within each of whose values the others were compared.
        margin: The share by which times may differ that count as the same.
        merged: Where each of several sweeps comes from that were put together.
        report_of: The names of the sweeps that a report is of which stands elsewhere.
        notes: What could not be read, or put together.
        clashes: What records of several sweeps disagree about.
        measured: Of curves that nnrun did not train: ``x``, what it calls samples, ``y``, the
            metric, and whether that is to be ``rising``. None for its own.
        unpaired: Whether the same seed in two settings means nothing.
    """

    status: str
    name: str | None = None
    overrides: Sequence[str] = ()
    command: str | None = None
    started: str | None = None
    git: str | None = None
    numerics: str | None = None
    versions: Mapping[str, str] | None = None
    processor: str | None = None
    platform: str | None = None
    study: str | None = None
    jobs: Sequence[SweepJob] = ()
    settings: Sequence[LabelledSetting] = ()
    varying: Sequence[str] = ()
    telling: Sequence[str] = ()
    constant: Mapping[str, Any] | None = None
    budget: int | float | None = None
    target: Mapping[str, Any] | None = None
    tables: Sequence[Sequence[str]] = ()
    held_out: Sequence[int] = ()
    tuned: Sequence[str] = ()
    tuning: Mapping[str, Any] | None = None
    looks: Sequence[int] = ()
    auto: Mapping[str, int] | None = None
    stacks: Sequence[Mapping[str, Any]] | None = None
    tracking: Mapping[str, Any] | None = None
    common_grid: Mapping[str, Any] | None = None
    verdict: Sequence[str] = ()
    animations: Sequence[str] | None = None
    stages: Mapping[str, float] | None = None
    facet: str | None = None
    within: str | None = None
    margin: float = MARGIN
    merged: Sequence[Mapping[str, Any]] = ()
    report_of: Sequence[str] = ()
    notes: Sequence[str] = ()
    clashes: Sequence[str] = ()
    measured: Mapping[str, Any] | None = None
    unpaired: bool = False

    @property
    def words(self) -> Words:
        """What its curves are of, for sentences and figures."""
        if self.measured is None:
            return OWN
        said = words_for(self.measured["x"], self.measured["y"])
        return said._replace(paired=not self.unpaired)

    @property
    def judged_afterwards(self) -> bool:
        """Whether its target is another than the declared one."""
        return any(note.endswith(AFTERWARDS) for note in self.notes)

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """Make a sweep of what its sweep.json says; what nnrun does not know is left out."""
        known = {one.name: found[one.name] for one in fields(cls) if found.get(one.name)}
        known["status"] = found.get("status", "complete")
        known["settings"] = [
            LabelledSetting(one["id"], one["label"], one["config"])
            for one in found.get("settings") or ()
        ]
        keys = [one.name for one in fields(SweepJob)]
        known["jobs"] = [
            SweepJob(**{key: job[key] for key in keys if key in job})
            for job in found.get("jobs") or ()
        ]
        known.setdefault("telling", found.get("telling", found.get("varying") or ()))
        for key in ("stages", "stacks", "target", "constant", "animations"):
            known.setdefault(key, found.get(key))
        return cls(**known)

    def to_facts(self) -> dict[str, Any]:
        """Return what its sweep.json says."""
        facts = {one.name: getattr(self, one.name) for one in fields(self)}
        facts = {key: value for key, value in facts.items() if value or key not in IF_ANY}
        if self.animations is None:  # an empty list says that none could be drawn
            del facts["animations"]
        facts["settings"] = [vars(setting) for setting in self.settings]
        facts["jobs"] = [job.to_facts() for job in self.jobs]
        # the experiment's name comes first, as a reader looks for it
        return {"schema": SCHEMA_VERSION, "name": self.name, **facts}

    def write(self, folder: Path) -> None:
        """Write sweep.json, or nothing.

        Raises:
            OSError: If the system refuses it.
        """
        write_text(folder / SWEEP, json.dumps(self.to_facts(), indent=1, default=list) + "\n")


def read_sweep(folder: Path, results: bool = False) -> Sweep | None:
    """Read what a sweep or run says of itself.

    Args:
        folder: Of the sweep or run.
        results: Whether it must say what a sweep with results does.

    Returns:
        The sweep; None if there is no sweep.json.

    Raises:
        InputError: If it cannot be read, is damaged, or was written by another version.
    """
    path = folder / SWEEP
    anew = f"python -m nnrun.report {folder} writes it anew from the records"
    with reading("path", path, "account of a sweep", anew):
        try:
            found = read_plain(path, {"schema?": int})
        except FileNotFoundError:
            if path.is_symlink():
                raise
            return None
        require_version(found.get("schema"), SCHEMA_VERSION, found.get("versions"))
        require(found, {**FIELDS, **(OF_RESULTS if results else {})})
        sweep = Sweep.of(found)
        _require_sound(sweep)
    return sweep


def _require_sound(sweep: Sweep) -> None:
    """Check what types do not tell."""
    if sweep.status not in STATUSES:
        raise Damaged(f"'status' is none of {', '.join(STATUSES)}")
    spans = [job.seeds for job in sweep.jobs]
    spans.append((sweep.tuning or {}).get("seeds"))
    if any(span is not None and (len(span) != 2 or not 0 <= span[0] <= span[1]) for span in spans):
        raise Damaged("'seeds' are not a first and a last one")
    if any(b <= a for a, b in pairwise([0, *sweep.looks])):
        raise Damaged("'looks' are no ascending numbers of seeds")
    if sweep.auto and not 1 <= sweep.auto["block"] <= sweep.auto["most"]:
        raise Damaged("'auto' has no block of seeds within the most")
    if not 0 < sweep.margin < 1:
        raise Damaged("'margin' is no share between 0 and 1")
    ids = [setting.id for setting in sweep.settings]
    if len(set(ids)) < len(ids):
        raise Damaged("'settings' has one twice")
    if min((sweep.common_grid or {}).get("samples") or [1]) < 1:
        raise Damaged("'common_grid.samples' are no numbers of samples")
    if not (sweep.common_grid or {}).get("one_in", 1) >= 1:
        raise Damaged("'common_grid.one_in' is below 1")
