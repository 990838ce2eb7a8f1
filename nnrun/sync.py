"""``python -m nnrun.sync``: send to MLflow what it lacks of finished sweeps, from their folders."""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

from nnrun import documents
from nnrun.commands import Parser, complain, exit_code, run
from nnrun.config.schema import build, plain
from nnrun.config.settings import Tracking
from nnrun.errors import InputError, Issue, refused, unmasked
from nnrun.layout import OUTPUTS, STORE, own_store, same_store
from nnrun.masking import masked
from nnrun.records.lock import alone_in, being_written
from nnrun.records.record import Record, read_record, records_below
from nnrun.records.sweep import SWEEP, Sweep, read_sweep
from nnrun.text import shown, things
from nnrun.tracking.address import require_files_beside

KINDS = ("sweeps", "runs")
CODES = {"sent": 0, "failed": 1, "bad_input": 2}
"""The exit code that each folder asks for; the largest counts."""


def send(folder: Path, uri: str = "", modules: Path | None = None) -> dict[str, Any]:
    """Send what MLflow lacks of a finished sweep or run, or says otherwise than its tables.

    In the end each setting has one run, and the sweep one, however often this is called: what is
    there as it should be stays, what an earlier attempt has left unfinished or failed is deleted.

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
    # pandas takes half a second, in which the command could have said what is wrong with it
    from nnrun.tracking.mirror import Mirror
    from nnrun.tracking.run_contents import read_tables

    sweep, heads = _finished(folder)
    tables = read_tables(folder)
    if not heads:
        raise InputError(Issue("path", folder, "holds no records"))
    _admit(heads, modules)
    for head in heads:  # a damaged one is told before anything is sent
        read_record(head.path)
    told, name = sweep.tracking or {}, sweep.name or ""
    meant = _tracking(heads[0].meta, uri or str(told.get("uri") or ""))
    tracking = _addressed(meant, uri, folder, name)
    identity = told.get("id") or uuid4().hex
    again = {"go_on": True, "beside_training": False}
    mirror = Mirror.open(tracking, name, folder.name, vars(sweep), identity, **again)
    assert mirror is not None
    if not uri:
        mirror.facts["uri"] = masked(meant.uri)  # a relative path stays one: folders are moved
    try:
        mirror.add_settings(_records_of(sweep, heads), sweep, tables)
        mirror.add_sweep(sweep, tables, folder)
    finally:
        mirror.close()
        # the id even where nothing could be sent: the next attempt must find what this one left
        _note(folder, sweep, mirror.facts)
    return mirror.facts


def _finished(folder: Path) -> tuple[Sweep, list[Record]]:
    """Read a finished sweep and the heads of its records."""
    from nnrun.launch.claim import MARKER

    sweep = read_sweep(folder) or Sweep("missing")
    if (folder / MARKER).exists() or sweep.status == "running":
        rule = "is not finished"
        raise InputError(Issue("path", folder, rule, "the same command again goes on with it"))
    heads = [read_record(path, "head") for path in records_below(folder)]
    if heads and not (folder / SWEEP).exists():  # a sweeper that learns was killed
        hint = f"first make its tables: python -m nnrun.report {folder}"
        raise InputError(Issue("path", folder, "was not finished", hint))
    return sweep, heads


def _admit(heads: Sequence[Record], modules: Path | None) -> None:
    """Let records import what they need, and say what is left out of them."""
    from nnrun.model.load import admit_modules, not_imported
    from nnrun.tracking.mirror import say

    metas = [head.meta for head in heads]
    if modules is not None:
        admit_modules(modules, metas)
    if left_out := not_imported(metas):
        say(f"note: {left_out}")
    if (metas[0].get("tracking") or {}).get("artifacts"):
        say(
            "note: tracking.artifacts is not taken from a record: the files of a new experiment go "
            "where the store has them"
        )


def _records_of(sweep: Sweep, heads: Sequence[Record]) -> dict[str, list[Path]]:
    """Collect the records of each setting of a sweep, whose report may have another target."""
    ids = {about.id: about.id for about in sweep.settings}
    alike = {_without_target(about.config): about.id for about in sweep.settings}
    paths: dict[str, list[Path]] = {}
    for head in heads:
        setting = ids.get(head.setting) or alike.get(_without_target(head.meta["config"]))
        if setting is not None:  # else a choice of the report has left it out
            paths.setdefault(setting, []).append(head.path)
    return paths


def _without_target(config: Mapping[str, Any]) -> str:
    kept = {key: value for key, value in config.items() if not key.startswith("target.")}
    return json.dumps(kept, sort_keys=True)


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


def _addressed(tracking: Tracking, uri: str, folder: Path, name: str) -> Tracking:
    """Say where the store is: as it was asked for, or else one of the user's own."""
    if uri:
        return replace(tracking, uri=unmasked(uri, [os.environ.get(STORE)]))
    own = own_store(tracking.uri, folder, Tracking().uri)
    if not same_store(own, os.environ.get(STORE, "")):
        require_files_beside(own, name)
    return replace(tracking, uri=own)


def _note(folder: Path, sweep: Sweep, found: dict[str, Any]) -> None:
    """Write down where the runs are: still where they were, if another store has taken none."""
    told = sweep.tracking or {}
    if told.get("settings") and not found["settings"] and found["uri"] != told["uri"]:
        return
    replace(sweep, tracking=found).write(folder)


def pending(folders: Iterable[Path]) -> list[Path]:
    """Choose the folders of finished sweeps and runs of which MLflow lacks something.

    One that is being written is left to whoever does.
    """
    return [path for path in folders if _is_pending(path) and not being_written(path)]


def _is_pending(folder: Path) -> bool:
    """Say whether a finished sweep was to be tracked, and is not wholly, or not as it is now."""
    from nnrun.tracking.run_contents import digest

    with suppress(InputError, OSError):  # of another version, or damaged: whoever names it is told
        sweep = read_sweep(folder)
        told = sweep and sweep.tracking
        if not sweep or not told or sweep.status in ("running", "interrupted"):
            return False
        if told.get("error") or told.get("not_logged") or not told.get("sweep"):
            return True
        # sweeps of earlier versions do not say what was sent of them
        return bool(told.get("digest")) and told["digest"] != digest(sweep, folder)
    return False


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 0 if MLflow has everything now, 1 if not, 2 for bad input, 130 after
    Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    outputs = Path(OUTPUTS)
    kept = [path for kind in KINDS for path in sorted((outputs / kind).glob("*"))]
    folders = list(options.folders) or pending(kept)
    if not folders:
        print(f"nothing to send: MLflow has every finished sweep in {outputs}")
    sent: list[dict[str, Any]] = []
    said = set[str]()
    for folder in folders:
        told, error = None, None
        try:
            told = send(folder, options.uri or "", options.modules)
        except (InputError, OSError) as refusal:  # the others can be sent nevertheless
            words = shown(refused(refusal)) if isinstance(refusal, OSError) else str(refusal)
            error = documents.error_facts(words, refusal)
            if words not in said:
                complain(words, refusal)
            said.add(words)
        if told and told["error"]:
            error = documents.error_facts(told["error"], OSError())
            print(f"{shown(folder)}: {shown(told['error'])}", file=sys.stderr)
        elif told:
            runs = things(len(told["settings"]), "setting")
            print(f"{shown(folder)}: {runs} and its own run are in {shown(told['uri'])}")
            if told.get("warning"):
                print(f"warning: {shown(told['warning'])}", file=sys.stderr)
        status = "sent" if error is None else "bad_input" if error["type"] == "input" else "failed"
        place = {"folder": folder.absolute(), "status": status}
        sent.append({**place, "error": error, "tracking": told})
    documents.give("sync", sent=sent)
    return max((CODES[one["status"]] for one in sent), default=0)


def _uri(text: str) -> str:
    """Read the URI of a store; empty it would mean none was given."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m nnrun.sync",
        description="Send to MLflow what it did not take when it was found: a server was away, a "
        "disk full; or what a report with another target says. Each setting has one run in the "
        "end, however often this is called.",
    )
    parser.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="of a finished sweep or run; without any, all in outputs that MLflow lacks "
        "something of",
    )
    parser.add_argument(
        "--uri",
        type=_uri,
        help="of the store, where it is neither the default file nor the one that "
        "MLFLOW_TRACKING_URI names: what only a folder names is not contacted; also "
        "for one that was run with tracking=off",
    )
    parser.add_argument(
        "--modules",
        type=Path,
        metavar="FOLDER",
        help="where modules are that the networks need; without it none is imported",
    )
    return parser


if __name__ == "__main__":
    run(main)
