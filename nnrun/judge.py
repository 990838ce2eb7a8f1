"""``python -m nnrun.judge``: a verdict on learning curves of any origin, as on nnrun's own.

A row is an evaluation; columns tell settings, seed, step and metric. In Python: ``nnrun.judge``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from nnrun import documents
from nnrun.commands import Parser, exit_code, run
from nnrun.errors import InputError, Issue
from nnrun.judging.judge import HOLD, Asked, Origin, judge, results_of, written
from nnrun.judging.judged_programs import OF_PROGRAMS, add_flags, judge_commands
from nnrun.judging.programs import split
from nnrun.judging.sources import read_source
from nnrun.launch import terminal
from nnrun.launch.facts import sweep_facts
from nnrun.layout import OUTPUTS, PROGRAMS
from nnrun.records.sweep import MARGIN
from nnrun.results.results import Results
from nnrun.text import shown
from nnrun.trials.progress import waiting
from nnrun.trials.provenance import command

__all__ = ["judge", "main"]

JUDGED = Path(OUTPUTS) / "judged"

HELP = f"""\
A setting is compared with the first one of the table by how many steps its seeds take to the
target, with the intervals, tests and censoring of a sweep's report. All curves are judged at the
points at which all were evaluated, up to the budget that all settings share. A curve whose last
values are not finite has diverged; one that ends before the budget counts as not arriving. Tables
and page go to {JUDGED}/NAME; curves that were judged there before with fewer seeds make this
another look, for which tests and intervals allow. In its tables samples stands for the steps, and
accuracy or test_loss for a metric that is to rise or to fall.

examples:
  python -m nnrun.judge curves.csv --setting optimizer,lr --target 'val_acc>=0.9'
  python -m nnrun.judge mlflow:mnist --target 'val_acc>=0.9'
  python -m nnrun.judge lightning_logs --pattern '{{optimizer}}_{{seed}}' --target 'val_loss<=0.1'
  python -m nnrun.judge 'runs/*.jsonl' --setting file --seed run --x epoch --target 'loss<=0.1'

programs, each behind --, are run with seeds, in parallel, and judged by what they print:
  python -m nnrun.judge --target 'val_acc>=0.9' -- python train.py --opt sgd --seed {{seed}} \\
      -- python train.py --opt adam --seed {{seed}}
  python -m nnrun.judge --target 'loss<=0.1' --budget 5000 --seeds auto -- \\
      ./train --lr '{{lr=0.1,0.3}}' --opt '{{opt=sgd,adam}}' --seed '{{seed}}'

Lines such as step=100 val_acc=0.91, epoch: 3, loss: 0.2 or JSON objects are read, all else is
ignored. {{seed}} is where the seed goes (the program finds it in NNRUN_SEED, too), {{key=a,b}}
stands for each of these values, {{key}} repeats it; {{{{ and }}}} are braces, {{--}} is --. A run
is ended once it prints an x beyond the budget. What has run is kept in {PROGRAMS}, each with its
log, and is not run again, failed or not, as long as the command and the files that it names are the
same (delete that folder to run all anew); the same command goes on with what is missing.
"""


class _Judge(ModuleType):
    """This module, which can be called as `nnrun.judging.judge.judge` can.

    ``nnrun.judge`` is that function until somebody imports this module, which Python then binds to
    the same name. A module may have a class of its own ("Customizing module attribute access" in
    Python's reference), so that both can be called alike.
    """

    def __call__(self, *args: Any, **given: Any) -> Results:
        return judge(*args, **given)


sys.modules[__name__].__class__ = _Judge


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: see `nnrun.commands.exit_code`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, commands = split(given)
    options = parser().parse_args(own)
    if not commands:
        return exit_code(lambda: _run(options), "interrupted: nothing was written")
    words = "interrupted: what has run is kept; the same command goes on"
    return exit_code(lambda: _run_programs(options, commands, command(given, "nnrun.judge")), words)


def _run_programs(
    options: argparse.Namespace, commands: Sequence[Sequence[str]], whole: str
) -> int:
    if options.files:
        rule = "stands before the commands that are to be run"
        hint = "judge files or programs; a command begins behind --"
        raise InputError(Issue("file", options.files[0], rule, hint))
    results, name = judge_commands(options, commands, whole)
    with waiting() as say:
        say("drawing the report")
        return tell(written(results, options.out or JUDGED / name, options.pdf))


def _run(options: argparse.Namespace) -> int:
    given = [name for name in OF_PROGRAMS if getattr(options, name)]
    if given:
        rule = "is asked of programs, and there is none"
        hint = "each stands behind --: python -m nnrun.judge ... -- python train.py --seed {seed}"
        raise InputError(Issue(f"--{given[0].replace('_', '-')}", None, rule, hint))
    if not options.files:
        hint = "for instance curves.csv; python -m nnrun.judge --help"
        raise InputError(Issue("file", None, "say which curves to judge", hint))
    if options.target is None:
        hint = "for instance --target 'val_acc>=0.9'"
        raise InputError(Issue("target", None, "say what counts as converged", hint))
    with waiting() as say:
        say("reading")
        found = read_source(options.files, asked_in(options, ""), options.pattern, options.uri, say)
        say("judging")
        whole = command(module="nnrun.judge")
        results = results_of(found.frame, found.asked, Origin(whole, found.told, found.notes))
        say("drawing the report")
        results = written(results, options.out or JUDGED / found.asked.name, options.pdf)
    return tell(results)


def asked_in(options: argparse.Namespace, name: str) -> Asked:
    """Take from a command line what is asked of the curves."""
    return Asked(
        options.setting.split(",") if options.setting else (),
        options.target,
        options.seed,
        options.x,
        options.y,
        options.hold,
        options.budget,
        options.baseline,
        options.within,
        options.margin,
        options.paired,
        name,
    )


def tell(results: Results) -> int:
    """Say what was found, on the terminal and in the document; return the exit code."""
    assert results.folder is not None
    for note in results.sweep.notes:
        documents.add("notes", note)
        print(f"note: {shown(note)}", file=sys.stderr)
    terminal.show_results(results, results.sweep, results.folder)
    if documents.wanted():
        documents.give("sweep", **sweep_facts(results.sweep, results, results.folder))
    return 0


def parser() -> argparse.ArgumentParser:
    """Make the command's parser."""
    made = Parser(
        "python -m nnrun.judge",
        description=__doc__,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    about = "CSV (.csv), Parquet (.parquet) or JSON lines (.jsonl), several, or a pattern in "
    about += "quotes; a folder of TensorBoard's event files; or mlflow:EXPERIMENT, a run a seed"
    add("files", nargs="*", metavar="FILE", help=about)
    about = "columns whose values tell settings apart; default: of MLflow all params that vary, of "
    about += "event files what --pattern names, less the seed"
    add("--setting", metavar="A,B", help=about)
    add("--seed", metavar="COLUMN", help="of seeds; default: one that is called like that")
    about = "of steps, epochs or seconds: what the budget is counted in; default: likewise"
    add("--x", metavar="COLUMN", help=about)
    add("--y", metavar="COLUMN", help="of the metric; default: the one that the target names")
    about = "what counts as converged: 'val_acc>=0.9' or 'loss<=0.1'"
    add("--target", metavar="'Y>=VALUE'", help=about)
    about = f"at how many evaluations in a row it must be met; default: {HOLD}"
    add("--hold", type=int, default=HOLD, metavar="N", help=about)
    about = "judge up to this x; default: what all settings come to"
    add("--budget", type=float, metavar="X", help=about)
    about = "compare with this setting, its label or values: 'optimizer=sgd'; default: the first"
    add("--baseline", metavar="WORDS", help=about)
    about = "compare the others within each value of this column"
    add("--within", metavar="COLUMN", help=about)
    about = f"call two the same whose ratio surely lies within it; default: {MARGIN:g}"
    add("--margin", type=float, default=MARGIN, metavar="SHARE", help=about)
    pairing = made.add_mutually_exclusive_group()
    about = "a seed is the same luck in all settings; default: paired where they share most seeds, "
    about += "unpaired where they share none"
    pairing.add_argument("--paired", action="store_true", default=None, help=about)
    about = "equal seeds of two settings have nothing to do with each other"
    pairing.add_argument("--unpaired", action="store_false", dest="paired", help=about)
    about = "how folders of event files are called: '{optimizer}_seed{seed}'"
    add("--pattern", metavar="NAMES", help=about)
    add(
        "--uri",
        default="",
        help="of MLflow's store; default: MLFLOW_TRACKING_URI, else nnrun's own",
    )
    add("--out", type=Path, metavar="FOLDER", help=f"default: {JUDGED}/NAME")
    add_flags(made)
    add("--pdf", action="store_true", help="write each figure as PDF, too")
    return made


if __name__ == "__main__":
    run(main)
