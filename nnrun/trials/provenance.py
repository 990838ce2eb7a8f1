"""Where a result comes from: command, commit, versions, processor, data."""

import hashlib
import json
import platform
import shlex
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nnrun.calls import words
from nnrun.config.settings import Setting
from nnrun.masking import masked, masked_words
from nnrun.records.record import NUMERICS_VERSION

PACKAGES = ("nnrun", "numpy", "pandas", "hydra-core", "mlflow", "matplotlib")


def provenance() -> dict[str, Any]:
    """Return the command, git commit, versions, processor and Python of this process."""
    return {
        "command": command(),
        "git": git_commit(),
        "numerics": NUMERICS_VERSION,
        "versions": {"python": platform.python_version(), **versions()},
        "processor": processor(),
        "platform": platform.platform(),
    }


def command(arguments: list[str] | None = None, module: str = "nnrun") -> str:
    """Return the command line, fit for pasting into a shell but for its secrets.

    Of a call in Python it is the one that does the same.
    """
    given = words() if arguments is None else arguments
    return shlex.join(["python", "-m", module, *map(masked, masked_words(given))])


def versions() -> dict[str, str]:
    """Return the installed version of each package that numbers depend on."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """Return the commit of the working directory's repository, marked if files differ from it.

    None outside a repository, before its first commit, or without git.
    """
    head = _git("rev-parse", "HEAD")
    if not head:
        return None
    return head + ("-dirty" if _git("status", "--porcelain", "--untracked-files=no") else "")


def processor() -> str:
    """Return the processor's name as the system gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def data_facts(setting: Setting) -> dict[str, Any]:
    """Say what data a setting uses.

    Returns:
        ``inputs`` and ``outputs`` (column names), ``source`` (the keys of the configuration that
        the data follow from), and of ``training`` and ``test`` the ``samples`` (None for an endless
        stream) and a ``digest``. Fixed data go by their numbers, whatever file they came from; what
        each trial draws for itself goes by the configuration, and a user's own code by its source.
        Of a table, ``about`` says in lines what was understood of it.
    """
    problem = setting.problem
    source = {k: v for k, v in setting.flat.items() if k.startswith(("data.", "features."))}
    training = {"digest": problem.pool_digest, "samples": problem.n_train}
    if problem.pool is not None:
        training["samples"] = len(problem.pool.inputs)
    else:
        drawn = json.dumps([source, setting.sources, problem.n_train], sort_keys=True)
        training["digest"] = hashlib.sha256(drawn.encode()).hexdigest()[:16]
    about = {"about": list(problem.about)} if problem.about else {}
    return {
        **about,
        "inputs": list(problem.inputs),
        "outputs": list(problem.outputs),
        "source": source,
        "training": training,
        "test": {"digest": problem.held_out_digest, "samples": len(problem.held_out.inputs)},
    }
