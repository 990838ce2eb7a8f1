"""``python -m nnrun``: Hydra's command line over the configuration in conf/."""

import os
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING

import hydra
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from nnrun.errors import InputError
from nnrun.hydra_ext import folders

if TYPE_CHECKING:
    from omegaconf import DictConfig

FULL_ERROR = "HYDRA_FULL_ERROR"


def main() -> None:
    """Run the command line.

    Exits with 2 for bad input, 1 for failed training, 130 if interrupted.
    """
    if sys.argv[1:] == ["--version"]:
        print(f"nnrun {version('nnrun')}")
        return
    folders.add_plugins()
    folders.register_resolver()
    tracebacks_wanted = os.environ.get(FULL_ERROR) == "1"
    # Hydra then lets exceptions through, so that one place decides what the user sees
    os.environ[FULL_ERROR] = "1"
    try:
        _run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except (InputError, HydraException, OmegaConfBaseException, YAMLError, OSError) as error:
        if tracebacks_wanted:
            raise
        sys.exit(_complain(error))
    finally:
        os.environ[FULL_ERROR] = "1" if tracebacks_wanted else "0"


def _run() -> None:
    run_hydra = hydra.main(
        config_path=str(folders.conf()), config_name="config", version_base="1.3"
    )(_job)
    try:
        run_hydra()
    finally:
        callback = sys.modules.get("nnrun.hydra_ext.callback")
        if callback is not None and callback.Check.foreign_sweep is not None:
            from nnrun.pipeline.finish import finish_foreign_sweep

            finish_foreign_sweep(callback.Check.foreign_sweep)


def _job(config: "DictConfig") -> float:
    """Train one job: a single run, or a job of a sweep whose launcher is not ours."""
    from hydra.core.hydra_config import HydraConfig

    from nnrun.hydra_ext.launch import run_job_alone

    try:
        return run_job_alone(config, HydraConfig.get())
    except InputError as error:
        # Hydra would put a line of its own before an exception's
        sys.exit(_complain(error))


def _complain(error: Exception) -> int:
    """Print one clear error; return the exit code."""
    if isinstance(error, OSError) and not isinstance(error, HydraException):
        print(f"error: {error}", file=sys.stderr)
        return 1
    from nnrun.hydra_ext.complaints import in_our_words

    print(f"error: {in_our_words(error)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
