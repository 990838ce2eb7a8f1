"""From the words of a command line to a finished sweep: the way of the command and of Python."""

import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import hydra
from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from nnrun import layout as places
from nnrun.documents import wanted
from nnrun.errors import InputError, Issue, TrainingFailed
from nnrun.hydra_ext import folders, loader
from nnrun.hydra_ext.arguments import quoted, read_flags
from nnrun.hydra_ext.callback import Refused, finish_all
from nnrun.hydra_ext.loader import raised_by_hydra, refusal
from nnrun.interrupt import launches

FULL_ERROR = "HYDRA_FULL_ERROR"
READING = (HydraException, OmegaConfBaseException, YAMLError)
EXPECTED = (InputError, TrainingFailed, OSError, *READING)
BAD_INPUT = 2


def read(arguments: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Read a command line's flags, and write it as Hydra takes it.

    Raises:
        InputError: If a flag is not known, lacks its value, or asks for a text in JSON.
    """
    flags, given = read_flags(quoted(arguments))
    _require_results(flags)
    return flags, given


def invoke(flags: Namespace, arguments: Sequence[str]) -> int:
    """Run Hydra, and finish what its plugins left to be finished.

    Args:
        flags: As ``read`` returns them.
        arguments: Likewise.

    Returns:
        The exit code.

    Raises:
        InputError: If the input is bad.
        Exception: Whatever else Hydra raises: `told` says what of it is to be said.
    """
    if not os.environ.get(places.STORE):
        os.environ.pop(places.STORE, None)  # set to nothing is not set, as for MLflow itself
    folders.add_plugins()
    folders.register_resolver()
    loader.install()
    folders.add_own_modules(flags.config_dir)
    main = hydra.main(config_path=str(places.conf()), config_name="config", **loader.AS_WRITTEN)
    try:
        with _parsing(arguments), _raising():
            main(_job)()
    except Refused as refused:
        finish_all()
        raise refused.error from None
    except SystemExit as leaving:
        return max(finish_all(), _code(leaving))
    except BaseException:
        finish_all()
        raise
    return finish_all()


@contextmanager
def _parsing(arguments: Sequence[str]) -> Iterator[None]:
    """Let Hydra parse these arguments, in the place of those of the process."""
    module = sys.modules[hydra.main.__module__]

    def parser() -> object:
        made = get_args_parser()
        for name in ("parse_args", "parse_intermixed_args"):
            setattr(made, name, partial(getattr(made, name), list(arguments)))
        return made

    setattr(module, "get_args_parser", parser)  # noqa: B010  (it is not exported)
    try:
        yield
    finally:
        setattr(module, "get_args_parser", get_args_parser)  # noqa: B010


@contextmanager
def _raising() -> Iterator[None]:
    """Let Hydra's exceptions through, so that one place decides what the user sees."""
    before = os.environ.get(FULL_ERROR)
    os.environ[FULL_ERROR] = "1"
    try:
        yield
    finally:
        os.environ.pop(FULL_ERROR)
        if before is not None:
            os.environ[FULL_ERROR] = before


def _require_results(flags: Namespace) -> None:
    """Check that what is asked for in JSON are results, not texts of Hydra's."""
    texts = {"--cfg": flags.cfg, "--info": flags.info, "-sc": flags.shell_completion}
    for flag in (name for name, given in texts.items() if given and wanted()):
        rule = f"goes with what gives results, and {flag} does not"
        raise InputError(Issue("--json", None, rule, "leave one of them out"))


def _code(leaving: SystemExit) -> int:
    code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return BAD_INPUT if code and raised_by_hydra(leaving) else code


def _job(config: DictConfig) -> float:
    """Train one job: a single run, or a job of a sweep whose launcher is not ours."""
    from hydra.core.hydra_config import HydraConfig

    from nnrun.hydra_ext.single import run_job_alone

    try:
        return run_job_alone(config, HydraConfig.get())
    except InputError as error:
        if not launches():
            raise  # it is told where the sweep is
        raise Refused(error) from error


def told(error: Exception, arguments: Sequence[str]) -> Exception | None:
    """Return an error of the input's or the system's as it is to be said; None for a bug.

    Args:
        error: What came out of ``invoke``.
        arguments: As it was given them.

    Returns:
        An InputError, TrainingFailed or OSError.
    """
    if not isinstance(error, EXPECTED) and not raised_by_hydra(error):
        return None
    said: BaseException | None = error
    while isinstance(said, OmegaConfBaseException):
        # an interpolation that makes a folder wraps what the system said
        said = said.__cause__ or said.__context__
    if isinstance(error, TrainingFailed):
        return error
    if isinstance(said, OSError) and not isinstance(said, HydraException):
        return said
    if not isinstance(error, (InputError, *READING)):
        error = refusal(error, arguments)
    from nnrun.hydra_ext.complaints import in_our_words

    return in_our_words(error)
