"""Sending to MLflow what could not be sent when it was found: from the records on disk."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd

from nnrun.config.schema import build, plain
from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue, masked, unmasked
from nnrun.launch import terminal
from nnrun.launch.claim import MARKER
from nnrun.layout import STORE, own_store, same_store, write_text
from nnrun.pictures.subject import admit_modules, not_imported
from nnrun.pipeline.track import Runs
from nnrun.records.labels import describe
from nnrun.records.lock import alone_in, being_written
from nnrun.records.record import RECORD, Record, read_record, read_records
from nnrun.records.sweep import SWEEP, read_sweep
from nnrun.results import results
from nnrun.results.tabulate import records_of
from nnrun.tracking.address import require_files_beside


def pending(folders: Iterable[Path]) -> list[Path]:
    """Choose the folders of finished sweeps and runs of which MLflow lacks something.

    One that is being written is left to whoever does.
    """
    return [path for path in folders if _is_pending(path) and not being_written(path)]


def resend(folder: Path, uri: str = "", modules: Path | None = None) -> dict[str, Any]:
    """Send what MLflow lacks of a finished sweep or run.

    Settings that it has stay; what an earlier attempt has left there unfinished or failed is
    deleted, and the sweep's own run written anew, so that in the end each setting has one run, and
    the sweep one, however often this is called.

    Args:
        folder: Of the sweep or run.
        uri: Of the store; empty for the one that it was meant for, or sent to last, which must be
            one of the user's own then: `nnrun.layout.own_store`.
        modules: Where modules are that the networks need; without it none is imported, and
            networks that need one are not kept as models.

    Returns:
        What sweep.json says of its tracking now.

    Raises:
        InputError: If the folder holds no finished sweep or run, another process works in it, or
            the store cannot be used.
    """
    if not folder.is_dir():
        raise InputError(Issue("path", folder, "is no folder"))
    with alone_in(folder):
        return _send(folder, uri, modules)


def _send(folder: Path, uri: str, modules: Path | None) -> dict[str, Any]:
    facts = read_sweep(folder) or {}
    if (folder / MARKER).exists() or facts.get("status") == "running":
        rule = "is not finished"
        raise InputError(Issue("path", folder, rule, "the same command again goes on with it"))
    heads = read_records(folder.rglob(RECORD), "head")
    if heads and not (folder / SWEEP).exists():  # a sweeper that learns was killed
        hint = f"first make its tables: python -m nnrun.report {folder}"
        raise InputError(Issue("path", folder, "was not finished", hint))
    found = results.load(folder)
    if not heads:
        raise InputError(Issue("path", folder, "holds no records"))
    metas = [head.meta for head in heads]
    if modules is not None:
        admit_modules(modules, metas)
    if left_out := not_imported(metas):
        terminal.say_apart(f"note: {left_out}")
    for head in heads:  # a damaged one is told before anything is sent
        read_record(head.path)
    told = facts.get("tracking") or {}
    tracking = _tracking(heads[0].meta, uri or str(told.get("uri") or ""))
    named = masked(tracking.uri)
    tracking = _addressed(tracking, uri, folder, facts["name"])
    if (heads[0].meta.get("tracking") or {}).get("artifacts"):
        terminal.say_apart(
            "note: tracking.artifacts is not taken from a record: the files of a new experiment go "
            "where the store has them"
        )
    identity = told.get("id") or uuid4().hex
    runs = Runs.open(
        tracking, facts["name"], folder.name, facts, identity, go_on=True, beside_training=False
    )
    assert runs is not None
    if not uri:
        runs.facts["uri"] = named  # a relative path stays one: the folder may be moved
    try:
        declared = _declared(found.sweep, heads)
        runs.add_settings(records_of(heads), declared)
        runs.add_sweep(facts, replace(found, summary=_renamed(found, declared)), folder)
    finally:
        runs.close()
        # the id even where nothing could be sent: the next attempt must find what this one left
        _note(folder, facts, runs.facts)
    return runs.facts


def _addressed(tracking: Tracking, uri: str, folder: Path, name: str) -> Tracking:
    """Say where the store is: as it was asked for, or else one of the user's own."""
    if uri:
        return replace(tracking, uri=unmasked(uri, [os.environ.get(STORE)]))
    own = own_store(tracking.uri, folder, Tracking().uri)
    if not same_store(own, os.environ.get(STORE, "")):
        require_files_beside(own, name)
    return replace(tracking, uri=own)


def _declared(facts: Mapping[str, Any], heads: Sequence[Record]) -> Mapping[str, Any]:
    """Take the settings as they were trained, where a report judged them by another target.

    MLflow has them so, with the records: what was chosen afterwards is in the sweep's own run.
    """
    configs = {str(head.meta["setting"]): head.meta["config"] for head in heads}
    if configs.keys() <= {about["id"] for about in facts["settings"]}:
        return facts
    return {**facts, **describe(configs)}


def _renamed(found: results.Results, declared: Mapping[str, Any]) -> pd.DataFrame:
    """Call the settings of a summary by the ids that they were trained under."""
    if declared is found.sweep:
        return found.summary
    ids: dict[str, str] = {}
    for about in declared["settings"]:
        ids.setdefault(_without_target(about["config"]), about["id"])
    now = {s["id"]: ids.get(_without_target(s["config"])) for s in found.sweep["settings"]}
    return found.summary.assign(setting=found.summary["setting"].map(now))


def _without_target(config: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in config.items() if not key.startswith("target.")}
    return json.dumps(kept, sort_keys=True)


def _note(folder: Path, facts: Mapping[str, Any], found: dict[str, Any]) -> None:
    """Write down where the runs are: still where they were, if another store has taken none."""
    told = facts.get("tracking") or {}
    if told.get("settings") and not found["settings"] and found["uri"] != told["uri"]:
        return
    write_text(folder / SWEEP, json.dumps({**facts, "tracking": found}, indent=1) + "\n")


def _tracking(meta: Mapping[str, Any], uri: str) -> Tracking:
    """Take the tracking of a record, if need be to another store with the same options.

    No results wait for it here, so it may take as long as the store answers. Where the files of a
    new experiment go is not for a record to say.
    """
    known = {f.name for f in fields(Tracking)}
    given = {k: v for k, v in (meta.get("tracking") or {}).items() if k in known}
    issues: list[Issue] = []
    declared = build(Tracking, plain(given), issues, "tracking.")
    if declared is None:
        raise InputError(*issues)
    tracking = replace(declared, name="mlflow", wait=inf, artifacts=None)
    return replace(tracking, uri=uri) if uri else tracking


def _is_pending(folder: Path) -> bool:
    with suppress(InputError):  # of another version, or damaged: whoever names it is told
        return _lacking(read_sweep(folder) or {})
    return False


def _lacking(facts: Mapping[str, Any]) -> bool:
    """Say whether a finished sweep was to be tracked, and is not wholly."""
    told = facts.get("tracking")
    if not told or facts.get("status") in ("running", "interrupted"):
        return False
    return bool(told.get("error") or told.get("not_logged") or not told.get("sweep"))
