"""Runs and sweeps from Python, in scripts and notebooks: the process is left as it was found."""

import signal
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from time import perf_counter
from typing import Any

from nnrun.calls import Call, Line, current, serving
from nnrun.errors import InputError, Issue, Shortfall, TrainingFailed
from nnrun.hydra_ext.invoke import invoke, read, told
from nnrun.hydra_ext.keywords import as_words, merged
from nnrun.hydra_ext.session import lent
from nnrun.interrupt import Ended
from nnrun.results.results import Results
from nnrun.text import duration, shown, things

Keys = Mapping[str, Any]


def run(
    keys: Keys | None = None,
    /,
    *,
    seeds: int | str | None = None,
    experiments: str | None = None,
    config_dir: str | PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    progress: bool = True,
    **more: Any,
) -> Results:
    """Train one setting over many seeds, as ``python -m nnrun`` does, and return what came of it.

    Args:
        keys: Values by key, where a key is no name of Python's: ``{"network.hidden": [4, 2]}``,
            or a section of them, ``{"network": {"hidden": [4, 2]}}``.
        seeds: How many trials, or "auto", as of `sweep`; the configuration's 20 if None.
        experiments: A study. One that has a grid is a sweep.
        config_dir: A folder of your own options, and of the modules that they name.
        overrides: Anything else in the command line's own words: ``["+data.noise=0.1"]``.
        progress: Whether a line says how far it is, and in the end what came of it.
        **more: Values by key: ``lr=0.1, features="product"``.

    Returns:
        What was found: tables, verdict, figures. The same is in its ``folder`` under outputs/runs,
        and in MLflow, byte for byte what the command leaves there.

    Raises:
        InputError: If the input is bad, in the command's words; nothing was trained, and nothing is
            left behind.
        TrainingFailed: If training raised an error; its record holds the traceback.
        Shortfall: If a finding that was required is not there, or the store was and did not take
            all; it has the results.
        OSError: If the system refuses something.
        KeyboardInterrupt: If interrupted; what was trained is kept, and the same call goes on.

    Example:
        >>> import nnrun
        >>> results = nnrun.run(lr=0.1, seeds=20)  # doctest: +SKIP
        >>> nnrun.run({"network.hidden": [4, 2]}, optimizer="adam")  # doctest: +SKIP
    """
    asked = _asked(keys, more, seeds)
    words = as_words(asked, False, experiments, config_dir, overrides)
    return _results(_called("nnrun.run", words, progress))


def sweep(
    grid: Keys | None = None,
    /,
    *,
    seeds: int | str | None = None,
    experiments: str | Sequence[str] | None = None,
    config_dir: str | PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    progress: bool = True,
    **more: Any,
) -> Results:
    """Train every combination of some values, as ``python -m nnrun -m`` does, and compare them.

    It composes, checks, trains, keeps and reports what that command does, in this process: one
    sweep at a time, from whichever thread. A notebook's own logging, environment and Hydra are as
    they were afterwards, whatever other threads made of them meanwhile.

    Args:
        grid: Lists of values by key; a value alone is every setting's. A value that is a list
            stands in one: ``{"network.hidden": [[4], [2, 1]]}``; a tuple is one value. Keys may
            be nested in sections.
        seeds: How many trials of every setting, or "auto": until every comparison is decided; the
            configuration's 20 if None.
        experiments: A study, whose grid it is where none is given, or several.
        config_dir: A folder of your own options, and of the modules that they name.
        overrides: Anything else in the command line's own words:
            ``["lr=tag(log,interval(1e-3,1))"]``.
        progress: Whether a line says how far it is, and in the end what came of it.
        **more: Lists of values, or values, by key: ``lr=[0.01, 0.1], features="product"``.

    Returns:
        What was found: tables, verdict, figures. A setting whose training failed has trials with
        the status "failed". The same is in its ``folder`` under outputs/sweeps, and in MLflow.

    Raises:
        InputError: If the input is bad, in the command's words; nothing was trained, and nothing is
            left behind.
        TrainingFailed: If training failed in all settings.
        Shortfall: As of `run`.
        OSError: If the system refuses something.
        KeyboardInterrupt: If interrupted; what was trained is kept, and the same call goes on.

    Example:
        >>> import nnrun
        >>> grid = {"lr": [0.01, 0.03, 0.1], "features": ["raw", "product"]}
        >>> results = nnrun.sweep(grid, seeds=30)  # doctest: +SKIP
        >>> results.summary[["label", "reached", "samples_median"]]  # doctest: +SKIP
        >>> results.plot.time_to_target()  # doctest: +SKIP
    """
    asked = _asked(grid, more, seeds)
    words = as_words(asked, True, experiments, config_dir, overrides)
    return _results(_called("nnrun.sweep", words, progress))


def plan(
    grid: Keys | None = None,
    /,
    *,
    seeds: int | str | None = None,
    experiments: str | Sequence[str] | None = None,
    config_dir: str | PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    **more: Any,
) -> dict[str, Any]:
    """Say what a sweep would train, what of it was trained before, and how long the rest takes.

    Args:
        grid: As of `sweep`, and so are the others.
        seeds: Likewise.
        experiments: Likewise.
        config_dir: Likewise.
        overrides: Likewise.
        **more: Likewise.

    Returns:
        ``jobs``, ``trials``, ``cached``, ``seconds``, ``workers`` and ``settings``, as
        ``python -m nnrun.documents`` lists them under ``kind plan``.

    Raises:
        InputError: If the input is bad.

    Example:
        >>> import nnrun
        >>> nnrun.plan({"lr": [0.01, 0.1]}, seeds=1000)["seconds"]  # doctest: +SKIP
    """
    asked = {**_asked(grid, more, seeds), "plan_only": True}
    words = as_words(asked, True, experiments, config_dir, overrides)
    if [one for one in overrides if one.lstrip("+~").partition("=")[0].strip() == "plan_only"]:
        rule = "is what nnrun.plan is for"
        raise InputError(Issue("plan_only", None, rule, "leave it out; nnrun.sweep trains"))
    call = _called("nnrun.plan", words, False)[1]
    if call.plan is None:
        raise InputError(Issue("overrides", None, "ask for no plan"))
    return call.plan


def _asked(keys: Keys | None, more: Keys, seeds: int | str | None) -> dict[str, Any]:
    if isinstance(seeds, float):
        raise InputError(Issue("seeds", seeds, 'must be a whole number or "auto"'))
    given = merged({} if keys is None else keys, more)
    return merged(given, {} if seeds is None else {"seeds": seeds})


def _called(name: str, words: Sequence[str], progress: bool) -> tuple[int, Call]:
    """Do what words of the command line ask for, in this process; return the exit code.

    Raises:
        Exception: As of `run`.
    """
    if current() is not None:
        raise InputError(Issue(name, None, "was called from within a sweep"))
    flags, given = read(words)
    # as long as others' threads leave the working directory alone
    here = Path.cwd()
    call = Call(given, Line(progress))
    try:
        with lent(), serving(call):
            code = invoke(flags, given)
    except SystemExit:  # Hydra shows something, and is done
        raise InputError(Issue("overrides", None, "ask for no results")) from None
    except Ended:  # a second signal: there was no time to finish
        raise KeyboardInterrupt from None
    except Exception as error:
        said = told(error, given)
        if said is None:
            raise
        # where Hydra met it is no news
        raise said.with_traceback(None) from None
    if call.finished is not None and (found := call.finished.results) is not None:
        # a notebook may go elsewhere before it looks at them
        object.__setattr__(found, "folder", here / found.folder if found.folder else None)
    return code, call


def _results(called: tuple[int, Call]) -> Results:
    """Say what came of a call, and return it.

    Raises:
        Exception: As of `run`.
    """
    code, call = called
    if code > 128:
        call.line.write("\n".join(call.notes))
        if code - 128 != signal.SIGINT:
            signal.raise_signal(code - 128)  # what it would have done without us
        raise KeyboardInterrupt
    if call.finished is None:
        hint = "nnrun.plan says what would be trained" if call.plan else ""
        raise InputError(Issue("overrides", None, "ask for no results", hint))
    results, failed = call.finished.results, _failed(call)
    if results is None or (failed and len(failed) == len(call.finished.sweep.jobs)):
        raise TrainingFailed(failed[0] if failed else "no job left a record")
    lost = (call.finished.sweep.tracking or {}).get("error")
    more = [f"MLflow: {lost}"] if lost and not call.short else []
    call.line.write("\n".join([_closing(call, results, failed), *call.notes, *more]))
    if call.short:
        raise Shortfall(call.short[-1], results)
    found: Results = results
    return found


def _failed(call: Call) -> list[str]:
    """Return what went wrong in each job that failed."""
    jobs = [job for job in call.finished.sweep.jobs if job.status == "failed"]
    return [(job.error or "").strip().splitlines()[-1] for job in jobs]


def _closing(call: Call, results: Results, failed: Sequence[str]) -> str:
    """Say in a line what was made, in what time, and where it is."""
    sizes = results.trials.groupby("setting").size()
    seeds = f" × {things(int(sizes.iloc[0]), 'seed')}" if sizes.nunique() == 1 else ""
    lost = f"; {len(failed):,} failed: {shown(failed[0])}" if failed else ""
    place = results.path if results.path.exists() else results.folder
    if place is not None and place.is_relative_to(here := Path.cwd()):
        place = place.relative_to(here)
    seconds = perf_counter() - call.started
    spent = duration(seconds) if seconds > 5 else f"{seconds:.1f} s"
    return f"{things(len(sizes), 'setting')}{seeds} in {spent}{lost}: {place}"
