"""``python -m nnrun``: Hydra's command line over the configuration in conf/."""

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from nnrun import layout as places
from nnrun.commands import complain, run
from nnrun.documents import wanted
from nnrun.errors import InputError, Issue, TrainingFailed, refused
from nnrun.hydra_ext import folders, loader
from nnrun.hydra_ext.arguments import quoted, read_flags
from nnrun.hydra_ext.callback import finish_all
from nnrun.hydra_ext.loader import raised_by_hydra, refusal
from nnrun.interrupt import is_command
from nnrun.masking import masked
from nnrun.text import shown

if TYPE_CHECKING:
    from argparse import Namespace

    from omegaconf import DictConfig

FULL_ERROR = "HYDRA_FULL_ERROR"
READING = (HydraException, OmegaConfBaseException, YAMLError)
EXPECTED = (InputError, TrainingFailed, OSError, *READING)
BAD_INPUT = 2


def main() -> None:
    """Run the command line.

    Exits with 2 for bad input, 1 for failed training, 130 for Ctrl-C, 143 for SIGTERM, 129 for a
    closed terminal.
    """
    run(_main)


def _main() -> int:
    if sys.argv[1:] == ["--version"]:
        print(f"nnrun {version('nnrun')}")
        return 0
    if not os.environ.get(places.STORE):
        os.environ.pop(places.STORE, None)  # set to nothing is not set, as for MLflow itself
    folders.add_plugins()
    folders.register_resolver()
    loader.install()
    tracebacks_wanted = os.environ.get(FULL_ERROR) == "1"
    # Hydra then lets exceptions through, so that one place decides what the user sees
    os.environ[FULL_ERROR] = "1"
    try:
        code = _run()
    except Exception as error:
        if tracebacks_wanted or not _expected(error):
            raise
        code = _complain(error)
    finally:
        os.environ[FULL_ERROR] = "1" if tracebacks_wanted else "0"
    return code


def _run() -> int:
    """Run Hydra, finish what its plugins left to be finished, and return the exit code."""
    flags, sys.argv[1:] = read_flags(quoted(sys.argv[1:]))
    _require_results(flags)
    folders.add_own_modules(flags.config_dir)
    run_hydra = hydra.main(
        config_path=str(places.conf()), config_name="config", **loader.AS_WRITTEN
    )(_job)
    try:
        run_hydra()
    except SystemExit as leaving:
        return max(finish_all(), _code(leaving))
    except BaseException:
        finish_all()
        raise
    return finish_all()


def _require_results(flags: "Namespace") -> None:
    """Check that what is asked for in JSON are results, not texts of Hydra's."""
    texts = {"--cfg": flags.cfg, "--info": flags.info, "-sc": flags.shell_completion}
    for flag in (name for name, given in texts.items() if given and wanted()):
        rule = f"goes with what gives results, and {flag} does not"
        raise InputError(Issue("--json", None, rule, "leave one of them out"))


def _expected(error: Exception) -> bool:
    """Say whether an error is the input's or the system's; anything else is a bug."""
    return isinstance(error, EXPECTED) or raised_by_hydra(error)


def _code(leaving: SystemExit) -> int:
    code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return BAD_INPUT if code and raised_by_hydra(leaving) else code


def _job(config: "DictConfig") -> float:
    """Train one job: a single run, or a job of a sweep whose launcher is not ours."""
    from hydra.core.hydra_config import HydraConfig

    from nnrun.hydra_ext.single import run_job_alone

    try:
        return run_job_alone(config, HydraConfig.get())
    except InputError as error:
        if not is_command():
            raise  # it is told where the sweep is
        # Hydra would put a line of its own before an exception's
        sys.exit(_complain(error))


def _complain(error: Exception) -> int:
    """Print one clear error; return the exit code."""
    said: BaseException | None = error
    while isinstance(said, OmegaConfBaseException):
        # an interpolation that makes a folder wraps what the system said
        said = said.__cause__ or said.__context__
    if isinstance(error, TrainingFailed):
        complain(shown(masked(f"training failed: {error}"), lines=True), error)
        return 1
    if isinstance(said, OSError) and not isinstance(said, HydraException):
        words = refused(said, folders.advice(said))
        complain(shown(masked(words), lines=True), said)
        return 1
    if not isinstance(error, (InputError, *READING)):
        error = refusal(error, sys.argv[1:])
    from nnrun.hydra_ext.complaints import in_our_words

    error = in_our_words(error)
    complain(shown(masked(str(error)), lines=True), error)
    return BAD_INPUT


if __name__ == "__main__":
    main()
