"""What a document of ``--json`` says of a sweep and of a plan: see `nnrun.documents`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nnrun.config.settings import Job
from nnrun.layout import CURVES, HANDOUT, LADDER, MARKDOWN, REPORT, SUMMARY, TRIALS, TUNING
from nnrun.records.labels import describe
from nnrun.records.sweep import SWEEP, Sweep
from nnrun.report.sentences import compared, levels_of, plainly
from nnrun.report.verdict import headline, verdict
from nnrun.results.results import Results
from nnrun.statistics.survival import common_budget
from nnrun.trials.cache import Cache
from nnrun.trials.forecast import Forecast, Wanted

FILES = {
    "sweep": SWEEP, "report": REPORT, "markdown": MARKDOWN, "summary": SUMMARY,
    "handout": HANDOUT, "trials": TRIALS, "curves": CURVES, "ladder": LADDER, "tuning": TUNING,
}  # fmt: skip

SAID = ("looks", "auto", "budget", "target", "varying", "tracking", "command", "started", "git")
"""What is said as sweep.json has it."""


def sweep_facts(sweep: Sweep, results: Results | None, folder: Path) -> dict[str, Any]:
    """Return what was found, from the numbers that the report is made of.

    Args:
        sweep: The content of its sweep.json.
        results: Its tables; None where nothing was recorded.
        folder: Where it is.
    """
    # after a signal there is no time to compare what no report has compared
    known = results if sweep.verdict or sweep.status != "interrupted" else None
    said = sweep.verdict or ([] if known is None else verdict(known))
    return {
        "name": sweep.name,
        "answer": said[0] if said else None,
        "verdict": said,
        "contrasts": [] if known is None else _contrasts(known),
        "settings": [] if results is None else _settings(sweep, results),
        "folder": folder.absolute(),
        "files": _files(sweep, folder.absolute()),
        "animations": [folder.absolute() / page for page in sweep.animations or ()],
        **{key: getattr(sweep, key) for key in SAID},
        "seconds": sweep.stages,
        "jobs": [job.to_facts() for job in sweep.jobs],
    }


def _files(sweep: Sweep, folder: Path) -> dict[str, Path]:
    """Return the paths of what is there, by what it is."""
    study = Path(sweep.study or "").name.removesuffix(".j2")
    named = {**FILES, **({"study": study} if study else {})}
    paths = {kind: folder / name for kind, name in named.items()}
    return {kind: path for kind, path in paths.items() if path.exists()}


def _settings(sweep: Sweep, results: Results) -> list[dict[str, Any]]:
    about = {setting.id: setting for setting in sweep.settings}
    runs: Mapping[str, str] = (sweep.tracking or {}).get("settings") or {}
    found: list[dict[str, Any]] = []
    summary = results.summary.drop(columns=list(sweep.varying))
    rows: list[dict[str, Any]] = summary.to_dict("records")  # type: ignore[assignment]
    for row in rows:
        key = str(row.pop("setting"))
        own = {
            "setting": key,
            "label": row.pop("label"),
            "baseline": len(about) > 1 and key == sweep.settings[0].id,
            "levels": {name: about[key].config.get(name) for name in sweep.varying},
            "run": runs.get(key),
        }
        found.append({**own, **row})
    return found


def _contrasts(results: Results) -> list[dict[str, Any]]:
    table, horizon = results.contrasts, common_budget(results.trials)
    leading = set(headline(results).index) if len(table) else set()
    rows: list[dict[str, Any]] = table.to_dict("records")  # type: ignore[assignment]
    found = []
    for place, row in zip(table.index, rows, strict=True):
        levels = levels_of(row, table)
        words = results.sweep.words
        text = compared(row, horizon, levels, words)
        said = {"plain": plainly(row, levels, words), "text": text}
        found.append({**row, "headline": place in leading, **said})
    return found


def plan_facts(
    jobs: Sequence[Job],
    todo: Mapping[str, Wanted],
    cache: Cache,
    expected: Forecast,
    workers: int,
) -> dict[str, Any]:
    """Return what jobs would train, at most, and what of it was trained before."""
    about = describe({key: want.setting.flat for key, want in todo.items()})
    settings = []
    for one in about["settings"]:
        want = todo[one.id]
        settings.append(
            {
                "setting": one.id,
                "label": one.label,
                "levels": {key: one.config.get(key) for key in about["varying"]},
                "seeds": len(want.seeds),
                "cached": cache.held(want.setting, want.engine, want.seeds),
                "budget": want.setting.budget,
                "target": vars(want.setting.target),
                "engine": want.engine,
            }
        )
    facts: dict[str, Any] = {**forecast_facts(expected), "workers": workers}
    if jobs[0].auto and expected.least:
        facts["auto"] = {**asdict(jobs[0].auto), **forecast_facts(expected.least)}
    return {"jobs": len(jobs), **facts, "settings": settings}


def tuning_facts(expected: Forecast) -> dict[str, Any]:
    """Return what a plan says of tuning; of a race also what is trained whoever falls."""
    first = {"first": forecast_facts(expected.least)} if expected.least else {}
    return {**forecast_facts(expected), **first}


def forecast_facts(expected: Forecast) -> dict[str, Any]:
    """Return what a forecast says of all trials."""
    return {name: getattr(expected, name) for name in ("trials", "cached", "seconds")}
