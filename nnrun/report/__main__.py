"""``python -m nnrun.report``: tables and report anew from records, of one sweep or of several."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from nnrun import documents
from nnrun.commands import UNMET, Parser, exit_code, run
from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.launch import terminal
from nnrun.launch.choices import WITHIN, Choices, read_margin
from nnrun.launch.finish import rebuild
from nnrun.launch.required import unmet
from nnrun.layout import A_SWEEP, HANDOUT, OUTPUTS, REPORT
from nnrun.report.index import write_index
from nnrun.text import shown
from nnrun.trials.progress import waiting

WORDS = ("target", "baseline", "facet", "within", "keys", "study", "require", "margin")
OF_JOBS = ("report.facet", "report.within", "report.study", "report.require", "report.margin")
"""Those that jobs have keys for, by which they are known here, too."""

HELP = f"""\
words:
  target=METRIC:VALUE[:HOLD]  judge the curves against another target than the declared one:
                              accuracy:0.9, test_loss:0.01:5
  baseline=WORDS              compare with this setting: its id, its label, or keys and values
                              that it alone has: "lr=0.03 hidden=[2,1]"
  facet=KEY                   a panel for each value of this key, and comparisons within it
  within=KEY                  comparisons within each value of this key, without panels;
                              null: without either, whatever the sweep was trained for
  keys=A,B                    name the settings by these keys only
  study=FILE.md.j2            fill the template of a study's page
  require=FINDING             exit code 4 where it is not found: "sooner(lr=0.1)"
  margin=SHARE                call two the same whose ratio surely lies within it: 0.2 for 1/1.2
                              to 1.2

examples:
  python -m nnrun.report {A_SWEEP}
  python -m nnrun.report {OUTPUTS}/sweeps/MONDAY {OUTPUTS}/sweeps/TUESDAY target=accuracy:0.9
  python -m nnrun.report --index
"""


class Asked(NamedTuple):
    """The words of a command line.

    Attributes:
        paths: Folders.
        choices: What is asked of the report.
    """

    paths: list[Path]
    choices: Choices


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    It is 2 for bad input, 1 if the system refuses a file or a study's page is left out, 130 after
    Ctrl-C, 4 where a finding that was required is not there.
    """
    options = _parser().parse_intermixed_args(arguments)
    return exit_code(lambda: _run(options), "interrupted: the same command writes it whole")


def _run(options: argparse.Namespace) -> int:
    if options.index:
        page = write_index(_indexed(options.words))
        documents.give("index", path=page.absolute())
        print(shown(page))
        return 0
    asked = sort(options.words)
    choices = replace(asked.choices, pdf=options.pdf, handout=options.handout)
    return _report(asked._replace(choices=choices), options.out, options.modules)


def sort(words: Sequence[str]) -> Asked:
    """Tell folders from choices.

    Raises:
        InputError: If a word is neither, or a choice is made twice, or there is no folder.
    """
    paths, given = [], dict[str, Any]()
    for word in words:
        key, equals, value = word.partition("=")
        key = key.removeprefix("report.") if key in OF_JOBS else key
        if not equals or Path(word).exists():
            paths.append(Path(word))
        elif key not in WORDS:
            raise InputError(
                Issue(key, value, "is not a known key", did_you_mean(key, [*WORDS, documents.FLAG]))
            )
        elif key in given:
            raise InputError(Issue(key, value, f"is given twice, first as {given[key]}"))
        elif not value:
            raise InputError(Issue(key, None, "is empty", "see --help"))
        else:
            given[key] = "" if key in WITHIN and value == "null" else value
    if not paths:
        hint = f"for instance {A_SWEEP}"
        raise InputError(Issue("path", None, "say which sweep or run to report on", hint))
    keys = given.pop("keys", "")
    if "margin" in given:
        given["margin"] = read_margin(given["margin"])
    return Asked(paths, Choices(**given, keys=[k for k in keys.strip("[]").split(",") if k]))


def _report(asked: Asked, out: Path | None, modules: Path | None) -> int:
    with waiting() as say:
        done = rebuild(asked.paths, asked.choices, out, say, modules)
    done.tell()
    for note in done.notes:
        documents.add("notes", note)
        print(f"note: {shown(note)}", file=sys.stderr)
    if done.unfilled:
        documents.add("warnings", done.unfilled)
        print(f"warning: {shown(done.unfilled)}", file=sys.stderr)
    print(shown(done.sweep.verdict[0]))
    for name, page in (("report", REPORT), ("handout", HANDOUT)):
        if (done.folder / page).exists():
            print(f"{name}: {shown(done.folder / page)}")
    assert done.results is not None  # else there was nothing to report
    why = unmet(done.results, asked.choices.require) if asked.choices.require else ""
    if why:
        terminal.warn(why)
    return int(bool(done.unfilled)) or (UNMET if why else 0)


def _indexed(words: Sequence[str]) -> Path:
    if len(words) > 1:
        raise InputError(Issue("--index", " ".join(words), "takes one folder", "outputs"))
    folder = Path(words[0] if words else OUTPUTS)
    if not folder.is_dir():
        raise InputError(Issue("--index", folder, "is no folder", "outputs, where sweeps/ is"))
    return folder


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        "python -m nnrun.report",
        usage="%(prog)s PATH [PATH ...] [target=...] [baseline=...] [facet=...] [within=...] "
        "[keys=...] [study=...] [require=...] [margin=...] [--out FOLDER] [--modules FOLDER] "
        "[--pdf] [--handout]\n"
        "       %(prog)s --index [FOLDER]",
        description=__doc__,
        epilog=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    about = "folder of a sweep, of a run, or of many; or one of the words below"
    parser.add_argument("words", nargs="*", metavar="PATH", help=about)
    about = "where the report goes; default: the sweep's folder, for several "
    about += f"{OUTPUTS}/reports/NEW"
    parser.add_argument("--out", type=Path, metavar="FOLDER", help=about)
    about = "where modules are that the records need for pictures; without it none is imported"
    parser.add_argument("--modules", type=Path, metavar="FOLDER", help=about)
    parser.add_argument("--pdf", action="store_true", help="write each figure as PDF, too")
    about = "write handout.html, too: one sheet for print"
    parser.add_argument("--handout", action="store_true", help=about)
    about = "only write index.html over all sweeps and runs of a folder; default: outputs"
    parser.add_argument("--index", action="store_true", help=about)
    return parser


if __name__ == "__main__":
    run(main)
