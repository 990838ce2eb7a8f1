"""``python -m nnrun.sync``: send to MLflow what it did not take when it was found."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from nnrun.commands import exit_code, run
from nnrun.errors import InputError, refused
from nnrun.layout import OUTPUTS
from nnrun.text import shown, things

KINDS = ("sweeps", "runs")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 0 if MLflow has everything now, 1 if not, 2 for bad input, 130 after
    Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    from nnrun.pipeline.resend import pending, resend

    outputs = Path(OUTPUTS)
    kept = [path for kind in KINDS for path in sorted((outputs / kind).glob("*"))]
    folders = list(options.folders) or pending(kept)
    if not folders:
        print(f"nothing to send: MLflow has every finished sweep in {outputs}")
    code, said = 0, set[str]()
    for folder in folders:
        try:
            facts = resend(folder, options.uri or "", options.modules)
        except InputError as error:  # the others can be sent nevertheless
            if str(error) not in said:
                print(f"error: {error}", file=sys.stderr)
            said.add(str(error))
            code = 2
            continue
        except OSError as error:
            print(f"error: {shown(refused(error))}", file=sys.stderr)
            code = max(code, 1)
            continue
        if facts["error"]:
            print(f"{shown(folder)}: {shown(facts['error'])}", file=sys.stderr)
            code = max(code, 1)
            continue
        runs = things(len(facts["settings"]), "setting")
        print(f"{shown(folder)}: {runs} and its own run are in {shown(facts['uri'])}")
    return code


def _uri(text: str) -> str:
    """Read the URI of a store; empty it would mean none was given."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m nnrun.sync",
        description="Send to MLflow what it did not take when it was found: a server was away, a "
        "disk full. Each setting has one run in the end, however often this is called.",
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
