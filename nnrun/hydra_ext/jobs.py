"""One job of a sweep: its folder, ``.hydra/``, log and callbacks, as Hydra's ``run_job`` does it.

Hydra copies the configuration four times and writes all of its YAML anew for each job. Here a job
is composed in plain values, and only what differs from other jobs is written anew.
"""

import logging
import os
import pickle
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import hydra.core.utils as hydra_utils
import yaml
from hydra._internal.logging_config import configure_logging
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log, env_override
from hydra.types import HydraContext
from omegaconf import OmegaConf, open_dict, read_write
from omegaconf._utils import OmegaConfDumper

from nnrun.hydra_ext.callback import Check
from nnrun.hydra_ext.compose import Composed, Composer
from nnrun.hydra_ext.shared_composition import to_plain, without_hydra
from nnrun.masking import masked_values


def run_job(
    context: HydraContext,
    composer: Composer,
    overrides: Sequence[str],
    number: int,
    task: Callable[[Path], Any],
    log: "JobLog",
) -> JobReturn:
    """Run one job of a sweep in a folder of its own.

    Args:
        context: Hydra's. Where it has callbacks of others, they are shown what Hydra's launchers
            show them; else the outcome has no configurations, half a megabyte a job.
        composer: Of the sweep.
        overrides: The job's, as the sweeper wrote them.
        number: The job's number in the sweep.
        task: Gets the job's folder, relative to the working directory.
        log: Of the jobs before it.

    Returns:
        What ``task`` returned, or the exception that it raised.

    Raises:
        HydraException: If the overrides cannot be composed.
        OSError: If the folder cannot be written.
    """
    job, cwd = composer.job(overrides, number), Path.cwd()
    folder = os.path.join(*map(job.get, ("sweep.dir", "sweep.subdir")))  # noqa: PTH118  (as Hydra)
    output_dir = os.path.abspath(folder)  # noqa: PTH100
    job.hydra["runtime"] = {**job.hydra["runtime"], "output_dir": output_dir}
    chdir, outcome = job.get("job.chdir"), JobReturn()
    singleton = HydraConfig.instance()
    before = singleton.cfg
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        if chdir:
            os.chdir(folder)
        outcome.working_dir = folder if chdir else str(cwd)
        outcome.overrides = list(job.hydra["overrides"]["task"])
        log.begin(job)
        _write_hydra_folder(job)
        watched = any(type(callback) is not Check for callback in context.callbacks.callbacks)
        with env_override(job.get("job.env_set") or {}):
            if watched:
                _show(job, outcome)
                context.callbacks.on_job_start(config=job.config, task_function=task)
            try:
                outcome.return_value = task(Path(os.path.relpath(output_dir, cwd)))
                outcome.status = JobStatus.COMPLETED
            except Exception as error:
                outcome.return_value = error
                outcome.status = JobStatus.FAILED
        outcome.task_name = JobRuntime.instance().get("name")
        hydra_utils._flush_loggers()
        if watched:
            context.callbacks.on_job_end(config=job.config, job_return=outcome)
        return outcome
    finally:
        singleton.cfg = before
        if chdir:
            os.chdir(cwd)


class JobLog:
    """The logs of one job after the other.

    Where they differ in nothing but the place of their files, the handlers of these go on there:
    to set all up anew, as ``configure_log`` does for each, takes as long as to write a record.
    """

    def __init__(self) -> None:
        self._like: object = None
        self._of_root: list[logging.Handler] = []
        self._handlers: dict[str, logging.FileHandler] = {}

    def begin(self, job: Composed) -> None:
        """Begin a job's log as ``configure_log`` does."""
        wanted = job.get("job_logging")
        if (
            not isinstance(wanted, dict)
            or not wanted.get("root")
            or job.hydra["verbose"] is not False
        ):
            self._like = None
            configure_log(job.config.hydra.job_logging, job.config.hydra.verbose)
            return
        files, like = _apart(wanted)
        if like == self._like and logging.root.handlers == self._of_root:
            for name, handler in self._handlers.items():
                handler.baseFilename = os.path.abspath(files[name])  # noqa: PTH100  (as logging)
                if before := handler.setStream(handler._open()):
                    before.close()
            return
        configure_logging(wanted)
        self._of_root = logging.root.handlers[:]
        found = [h for h in self._of_root if type(h) is logging.FileHandler and not h.delay]
        self._handlers = {str(handler.name): handler for handler in found}
        known = files and self._handlers.keys() == files.keys()
        self._like = like if known and wanted.get("disable_existing_loggers") is False else None


def _apart(wanted: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    """Take the names of files, by their handlers, out of a logging configuration."""
    handlers = wanted.get("handlers") or {}
    files = {name: str(one["filename"]) for name, one in handlers.items() if "filename" in one}
    others = {name: {**one, "filename": None} for name, one in handlers.items()}
    return files, {**wanted, "handlers": others}


def _show(job: Composed, outcome: JobReturn) -> None:
    """Let callbacks see the job's configuration, as they find it in Hydra's launchers."""
    config = job.config
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = job.hydra["runtime"]["output_dir"]
    HydraConfig.instance().set_config(config)
    outcome.cfg, outcome.hydra_cfg = without_hydra(config), OmegaConf.masked_copy(config, "hydra")


def _write_hydra_folder(job: Composed) -> None:
    """Write ``config.yaml``, ``hydra.yaml`` and ``overrides.yaml``."""
    subdir = job.get("output_subdir")
    if subdir is None:
        return
    folder = Path(job.hydra["runtime"]["output_dir"]) / subdir
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "config.yaml": yaml_text(job.task),
        "hydra.yaml": yaml_text(job.hydra, "hydra"),
        "overrides.yaml": _dumped(masked_values(job.hydra["overrides"]["task"])),
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


WORD = re.compile(r"\w{1,60}")
"""A key that is written in one line, whatever it has in it."""

PLAIN = re.compile(r"[A-Za-z/][\w.,/=+-]*[/=][\w.,/=+-]*", re.ASCII)
"""A text that is written as it is: what has a slash or an equals sign is no number or date."""

DIGITS = re.compile("[0-9]{1,60}")


class _Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc]
    """Writes YAML as OmegaConf does, in C where PyYAML has that."""


_Dumper.add_representer(str, OmegaConfDumper.str_representer)


def yaml_text(plain: Mapping[str, Any], inside: str = "") -> str:
    r"""Write a mapping as ``OmegaConf.to_yaml`` does, but for its secrets.

    Entries that were written before are not written again: most are equal in all jobs of a sweep.

    Example:
        >>> yaml_text({"lr": 0.1, "network": {"hidden": [2, 1]}})
        'lr: 0.1\nnetwork:\n  hidden:\n  - 2\n  - 1\n'
    """
    if not plain:
        return _dumped({inside: {}} if inside else {})
    # by pickle, which tells 1 from 1.0, True and -0.0 from 0.0
    entries = (_entry_text(pickle.dumps((bool(inside), *entry))) for entry in plain.items())
    return f"{inside}:\n" * bool(inside) + "".join(entries)


@lru_cache(maxsize=4096)
def _entry_text(pickled: bytes) -> str:
    """Write an entry at a depth; of a section only what was not written before."""
    depth, key, value = pickle.loads(pickled)
    title = "  " * depth + _title(key) if WORD.fullmatch(str(key)) else ""
    if isinstance(value, dict) and value and title:
        own = (_entry_text(pickle.dumps((depth + 1, *one))) for one in value.items())
        return f"{title}:\n{''.join(own)}"
    entry = masked_values({key: value})
    if title and (plain := _plain_text(entry[key])):
        return f"{title}: {plain}\n"
    for _ in range(depth):  # where a long text is folded goes by its place
        entry = {"": entry}
    return _dumped(entry).split("\n", depth)[depth]


@lru_cache(maxsize=256)
def _title(key: object) -> str:
    return _dumped({key: 0}).removesuffix(": 0\n")


def _plain_text(value: object) -> str:
    """Write what differs between most jobs; nothing for what takes the thought of a dumper."""
    if type(value) is int:
        return str(value)
    if type(value) is not str:
        return ""
    return f"'{value}'" if DIGITS.fullmatch(value) else value if PLAIN.fullmatch(value) else ""


def _dumped(plain: Any) -> str:
    text: str = yaml.dump(
        plain, default_flow_style=False, allow_unicode=True, sort_keys=False, Dumper=_Dumper
    )
    return text


def write_masked(config: Any, path: Path) -> None:
    """Write a configuration as ``OmegaConf.save`` does, but for its secrets."""
    path.write_text(yaml_text(to_plain(config, enum_to_str=True)), encoding="utf-8")


def mask_file(path: Path) -> None:
    """Write a YAML file of Hydra's anew if it holds a secret; one that is not there stays so."""
    if path.is_file():
        plain = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
        if masked_values(plain) != plain:
            path.write_text(_dumped(masked_values(plain)), encoding="utf-8")


def hide(config: Any, spared: Sequence[str] = ()) -> None:
    """Put ``***`` in the place of the secrets in a part of a configuration.

    Args:
        config: A section or a list.
        spared: Keys of sections and lists in it that stay as they are.
    """
    with read_write(config):
        for key in config if OmegaConf.is_dict(config) else range(len(config)):
            node: Any = config._get_node(key)
            value = None if node is None else node._value()
            if OmegaConf.is_config(node) and isinstance(value, dict | list):
                if key not in spared:
                    hide(node, spared)
            elif isinstance(value, str):
                node._set_value(masked_values({str(key): value})[str(key)])
