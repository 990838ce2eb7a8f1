"""``python -m nnrun.pictures``: pictures of networks that a run or sweep trained."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from nnrun import documents
from nnrun.commands import Parser, exit_code, run
from nnrun.model.load import admit_modules
from nnrun.pictures.film import from_record
from nnrun.pictures.trial_pictures import draw_stills, left_out
from nnrun.records.record import find_records, read_record
from nnrun.text import shown
from nnrun.trials.progress import meter, say


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 2 for bad input, 1 if the system refuses a file, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    return exit_code(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    written = _draw(options.folder, options.seed, options.out, options.modules)
    documents.give("pictures", paths=[path.absolute() for path in written])
    for path in written:
        print(shown(path))
    return 0


def _draw(folder: Path, seed: int | None, out: Path | None, modules: Path | None) -> list[Path]:
    """Draw the trials of a folder's jobs, each into its job's folder or its place under ``out``."""
    records = find_records(folder, "folder")
    if modules is not None:
        admit_modules(modules, [read_record(path, "head").meta for path in records])
    top = folder if folder.is_dir() else folder.parent
    with meter(f"drawing {len(records)} networks", len(records)) as advance:
        written = []
        for record in records:
            home = record.parent
            place = home if out is None else out / home.relative_to(top)
            subject = from_record(record, seed)
            if reason := left_out(subject.setting):
                say(f"note: {reason}")
            written += draw_stills(subject, place)
            advance(1)
    return written


def _parser() -> argparse.ArgumentParser:
    parser = Parser("python -m nnrun.pictures", description=__doc__)
    parser.add_argument("folder", type=Path, help="of a run, a job, or a sweep (all its jobs)")
    parser.add_argument("--seed", type=int, help="of the trial; default: the first of each job")
    parser.add_argument("--out", type=Path, help="where the files go; default: beside the records")
    about = "where modules are that the records need; without it none is imported"
    parser.add_argument("--modules", type=Path, metavar="FOLDER", help=about)
    return parser


if __name__ == "__main__":
    run(main)
