"""``--json``: one document on standard output, for scripts. ``nnrun.documents`` prints this.

Standard output holds exactly one JSON object, ASCII only; plan, progress, notes and all else are on
standard error. That is so whatever happens, bad input and Ctrl-C included; only a process that is
killed or ended at once, by a second signal or while it begins, prints none. ``schema`` is raised
when a field goes or changes its meaning, not when one is added.

null stands for what is no finite number: a median or quantile that lies beyond the budget (in whose
setting ``seeds`` is not 0), a ratio or interval where there is nothing to compare, accuracy of a
regression. Numbers have all their digits. Times are in training samples, shares between 0 and 1,
intervals hold 95%, paths are absolute. `?` marks fields that may be missing.

For instance, the verdict of a sweep::

    import json
    import subprocess

    sweep = ["-m", "data=gauss", "lr=0.03,0.3", "budget=20000", "tracking=off", "report=off"]
    done = subprocess.run(["python", "-m", "nnrun", *sweep, "--json"], stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    if found["status"] != "complete":
        raise SystemExit(f"{found['status']}: {found['error']}")
    print(found["answer"])
    for one in found["contrasts"]:
        print(one["name_a"], one["verdict"], one["ratio"], one["ratio_low"], one["ratio_high"])

Every document:
  schema                             integer      1
  kind                               text|null    sweep, plan, sync, cache, model, pictures or
                                                  index: which of the fields below follow; null
                                                  where it did not come to that
  status                             text         complete, failed, bad_input, untracked, unmet or
                                                  interrupted: as exit_code says it
  exit_code                          integer      0; 1: a setting failed, or the system refused
                                                  something; 2: bad input, nothing was trained; 3:
                                                  the store did not take all, and tracking.required
                                                  asks for it; 4: what report.require asks for was
                                                  not found; 128 and the number of the signal
  error                              object|null  what ended the command, or was refused
  error.type                         text         input, training, system, requirement or bug
  error.message                      text         in sentences, as on standard error
  error.issues[].key                 text         the key or flag that breaks a rule
  error.issues[].value               any          that was received; null where it is not the point
  error.issues[].rule                text         what must hold, as the rest of a sentence that
                                                  begins with the key
  error.issues[].hint                text         the likely fix; may be empty
  error.issues[].job?                text         the job of a sweep, by number and overrides
  warnings[]                         text         what went wrong beside
  notes[]                            text         what a reader should know

kind sweep (python -m nnrun, a single run as well as -m, nnrun.report and nnrun.judge, whose x is
called samples, and whose metric accuracy or test_loss, as it is to rise or to fall):
  name                               text|null    the experiment's
  answer                             text|null    the verdict in one sentence; null where nothing
                                                  was recorded, and after an interrupt without a
                                                  report: nnrun.report says it
  verdict[]                          text         the same at length, the answer first
  contrasts[].family                 text         setting: two settings; factor: two levels of one
                                                  key; within: the same at one level of another
  contrasts[].headline               boolean      whether the answer is made of it
  contrasts[].key                    text         the key of a factor; empty for settings
  contrasts[].a                      text         id of the setting, or the level; compared with b
  contrasts[].b                      text         id of the baseline, or its level
  contrasts[].name_a                 text         a's label
  contrasts[].name_b                 text         b's label
  contrasts[].within                 text         the level of the other key, as lr=0.1; else empty
  contrasts[].confined               text         likewise, if it can be compared there alone
  contrasts[].verdict                text         of a against b: arrives (b does not), sooner,
                                                  usually sooner (but some seeds get stuck), same,
                                                  depends (on another key), unsure, usually later,
                                                  later, fails (b arrives), few (under 20 seeds in
                                                  common) or incomparable
  contrasts[].why                    text         for incomparable; else empty
  contrasts[].plain                  text         the finding in plain words; may be empty
  contrasts[].text                   text         the finding in a sentence
  contrasts[].pairs                  integer      seeds in common
  contrasts[].n_a                    integer      trained trials
  contrasts[].n_b                    integer
  contrasts[].reached_a              integer
  contrasts[].reached_b              integer
  contrasts[].ratio                  number|null  a's restricted mean time divided by b's; under 1 a
                                                  is sooner
  contrasts[].ratio_low              number|null
  contrasts[].ratio_high             number|null
  contrasts[].p                      number|null  of the paired test
  contrasts[].p_holm                 number|null  adjusted for the number of contrasts; null where
                                                  no claim can be
  contrasts[].p_order                number|null  of the sign test: who is first more often
  contrasts[].p_order_holm           number|null
  contrasts[].depends_on             text         the other key on which it depends most; may be
                                                  empty
  contrasts[].p_depends              number|null  of that interaction
  contrasts[].p_depends_holm         number|null
  contrasts[].difference             number|null  of the restricted means, samples
  contrasts[].difference_low         number|null
  contrasts[].difference_high        number|null
  contrasts[].sooner                 number|null  share of pairs in which a is first; ties count one
                                                  half
  contrasts[].sooner_low             number|null
  contrasts[].sooner_high            number|null
  contrasts[].tied                   number|null  share of pairs
  contrasts[].median_ratio           number|null  of the paired times
  contrasts[].ratio_both             number|null  geometric mean ratio of pairs that both arrive
  contrasts[].ratio_both_low         number|null
  contrasts[].ratio_both_high        number|null
  contrasts[].pairs_both             number       such pairs
  contrasts[].sequential             boolean      whether p and intervals hold at every look
  contrasts[].needed                 number|null  seeds that would settle it; for unsure
  contrasts[].margin                 number       report.margin: same is a ratio between
                                                  1/(1 + margin) and 1 + margin
  contrasts[].detectable             number|null  the smallest ratio that would have been shown four
                                                  times in five
  contrasts[].logrank                number|null  statistic of the log-rank test, paired by seed
  contrasts[].p_logrank              number|null
  contrasts[].p_logrank_holm         number|null
  contrasts[].error                  number|null  standard error of the log ratio
  contrasts[].discordant             number|null  pairs whose times differ
  contrasts[].apart                  number|null  how far evaluations lie apart that count as one
  contrasts[].blocks                 integer      combinations of the other keys in which levels
                                                  were compared
  contrasts[].blocks_left_out        integer
  contrasts[].rarely_a               integer      blocks in which a tenth of a's seeds arrive or
                                                  fewer
  contrasts[].rarely_b               integer
  settings[].setting                 text         id
  settings[].label                   text         the keys that vary, in words; empty for a lone
                                                  setting
  settings[].baseline                boolean      whether the others are compared with it
  settings[].levels                  object       value of each key of `varying`
  settings[].run                     text|null    id of its MLflow run
  settings[].seeds                   integer      trained trials: reached, exhausted and diverged
                                                  add up to it
  settings[].reached                 integer      trials that met the target, by the budget that all
                                                  settings share
  settings[].exhausted               integer      trials whose budget ended first
  settings[].diverged                integer      trials whose loss was not finite, without having
                                                  reached it
  settings[].failed                  integer      trials that an error stopped; not in seeds
  settings[].plateaued               integer      trials whose loss no longer fell at the end
  settings[].reached_then_diverged   integer      of `reached`
  settings[].success_rate            number|null  reached / seeds
  settings[].success_low             number|null  its interval (Wilson)
  settings[].success_high            number|null
  settings[].samples_median          number|null  time to target over all seeds
  settings[].samples_q10             number|null
  settings[].samples_q90             number|null
  settings[].rmst                    number|null  restricted mean time: seeds that never arrive
                                                  count the budget
  settings[].rmst_low                number|null
  settings[].rmst_high               number|null
  settings[].ert                     number|null  expected running time: samples spent by all for
                                                  one that arrives
  settings[].ert_low                 number|null
  settings[].ert_high                number|null
  settings[].final_train_loss_median number|null
  settings[].final_test_loss_median  number|null
  settings[].final_test_loss_iqm     number|null  interquartile mean
  settings[].final_accuracy_median   number|null
  settings[].final_accuracy_iqm      number|null
  settings[].ns_per_sample           number|null  training cost, nanoseconds a trial and sample
  folder                             text         of the results
  files                              object       paths of sweep, report, handout, markdown, study,
                                                  summary, trials, curves, ladder and tuning, of
                                                  those that are there; sweep is sweep.json
  animations[]                       text         paths of pages, that of several settings first
  looks[]                            integer      numbers of seeds at which results were looked at,
                                                  the last is now; may be empty for one look
  auto                               object|null  with seeds=auto: most seeds a setting, and seeds
                                                  a block
  budget                             integer|null most samples that a trial could see
  target                             object|null  metric, value and hold
  varying[]                          text         keys that differ between the settings
  tracking                           object|null  as in sweep.json: uri, experiment, sweep (run of
                                                  the sweep), settings (runs by setting), error,
                                                  not_logged, model and more
  command                            text|null    that trained it, secrets masked
  started                            text|null    ISO time
  git                                text|null    commit
  seconds                            object|null  of wall time by stage
  jobs[].number                      integer
  jobs[].status                      text         complete, failed or missing (not trained, after an
                                                  interrupt)
  jobs[].setting                     text         id
  jobs[].overrides[]                 text
  jobs[].label?                      text|null
  jobs[].seeds?                      list         the first and the last
  jobs[].engine?                     text|null
  jobs[].error?                      text|null    traceback
  jobs[].log?                        text|null
  jobs[].sweep?                      text         where several were put together

kind plan (plan_only=true):
  jobs                               integer
  trials                             integer      distinct ones; with seeds=auto at most, here and
                                                  below
  cached                             integer      of these, that were trained before
  seconds                            number       estimated for the others
  workers                            integer      that train: threads, or those of a cluster
  auto?                              object       most seeds a setting and seeds a block; trials,
                                                  cached and seconds of the first block
  settings[].setting                 text         id
  settings[].label                   text
  settings[].levels                  object       value of each key that varies
  settings[].seeds                   integer      trials
  settings[].cached                  integer      of these
  settings[].budget                  integer      samples a trial
  settings[].target                  object       metric, value and hold
  settings[].engine                  text
  tuning?                            object       trials, cached and seconds of what would be tuned
                                                  first; in a race at most, and first has the same
                                                  of what is trained of every value

kind sync (python -m nnrun.sync):
  sent[].folder                      text
  sent[].status                      text         sent, failed (try again) or bad_input
  sent[].error                       object|null  as above
  sent[].tracking                    object|null  as of a sweep

kind cache (python -m nnrun.cache):
  folder                             text
  held                               object       what is there now: trials, settings, films, bytes
  deleted                            object       the same of what was pruned
  dry_run                            boolean      whether that was only tried: it is still there,
                                                  and not in `held`

kind model (python -m nnrun.model):
  path                               text         of the record or file
  network                            text         its layout
  parameters                         integer
  task                               text         binary, multiclass or regression
  inputs[]                           text
  features[]                         text         the network's own inputs
  outputs[]                          text
  classes[]                          any
  boundary                           number|null  a single output from it on says the second class
  layers[].units                     integer
  layers[].activation                text
  shortcut                           boolean
  bias                               boolean
  samples                            integer|null it was trained on
  seed                               integer|null
  seeds[]                            integer      of all networks in the file
  setting                            text|null    id
  config                             object       of the setting, by dotted key
  saved                              text|null    path that --save wrote
  written                            text|null    path that --predict --out wrote
  predictions[].row                  integer      in the table's file, as --help says
  predictions[].outputs              object       by name
  predictions[].class?               any          where there are classes

kind pictures (python -m nnrun.pictures):
  paths[]                            text

kind index (python -m nnrun.report --index):
  path                               text
"""

import io
import json
import math
import sys
from collections.abc import Mapping, Sequence
from os import PathLike, fspath
from typing import Any, TextIO

from nnrun.errors import InputError, TrainingFailed
from nnrun.masking import masked

SCHEMA_VERSION = 1

FLAG = "--json"
_SPELT = {FLAG[:end] for end in range(len("--j"), len(FLAG) + 1)}
"""The flag, cut off as argparse lets every flag be."""

_HELP = ("-h", "--he", "--hydra-h", "--version")
"""How flags begin that print text, whatever else is asked."""

STATUSES = {0: "complete", 1: "failed", 2: "bad_input", 3: "untracked", 4: "unmet"}


def take_flag(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Take ``--json`` out of a command line; beside ``--help`` it asks for nothing.

    Example:
        >>> take_flag(["-m", "lr=1,2", "--json"]), take_flag(["--help", "--json"])
        ((True, ['-m', 'lr=1,2']), (False, ['--help']))
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    kept = [word for word in arguments[:end] if word not in _SPELT]
    helping = any(word.startswith(_HELP) for word in kept)
    return len(kept) < end and not helping, [*kept, *arguments[end:]]


class Document(io.TextIOBase):
    """Stands for standard output where one document is to come: other words go to standard error.

    Attributes:
        out: Standard output itself.
        facts: What the document says so far.
    """

    def __init__(self, out: TextIO) -> None:
        self.out = out
        self.facts: dict[str, Any] = {
            "schema": SCHEMA_VERSION,
            "kind": None,
            "status": "",
            "exit_code": 0,
            "error": None,
            "warnings": [],
            "notes": [],
        }

    def text(self, exit_code: int) -> str:
        """Write the document of a command that ends with this code."""
        facts, unsaid = self.facts, {"type": "input", "message": "see standard error", "issues": []}
        facts["exit_code"], facts["status"] = exit_code, STATUSES.get(exit_code, "interrupted")
        if exit_code == 2:
            facts["error"] = facts["error"] or unsaid
        if exit_code in (3, 4):  # what was required and is not there was warned of last
            message = (facts["warnings"] or [unsaid["message"]])[-1]
            facts["error"] = {"type": "requirement", "message": message, "issues": []}
        return json.dumps(plain(facts), indent=1, allow_nan=False) + "\n"

    def write(self, text: str) -> int:
        """Write to standard error."""
        return sys.stderr.write(text)

    def flush(self) -> None:
        """Flush standard error."""
        sys.stderr.flush()

    def isatty(self) -> bool:
        """Say whether standard error is a terminal."""
        return sys.stderr.isatty()

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def fileno(self) -> int:
        """Return the descriptor of standard error."""
        return sys.stderr.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """That of standard error."""
        return sys.stderr.encoding


def wanted() -> bool:
    """Say whether this process answers in JSON."""
    return isinstance(sys.stdout, Document)


def give(kind: str, **fields: Any) -> None:
    """Put what a command found into its document, if there is to be one."""
    if isinstance(sys.stdout, Document):
        sys.stdout.facts |= {"kind": kind, **fields}


def add(to: str, text: str) -> None:
    """Add to the document's ``warnings`` or ``notes``, if there is to be one."""
    if isinstance(sys.stdout, Document):
        sys.stdout.facts[to].append(masked(text))


def fail(words: str, error: BaseException | None = None) -> None:
    """Say in the document, if there is to be one, what ended the command; the first word counts."""
    if isinstance(sys.stdout, Document):
        sys.stdout.facts["error"] = sys.stdout.facts["error"] or error_facts(words, error)


def error_facts(words: str, error: BaseException | None) -> dict[str, Any]:
    """Return what a document says of an error; without one it is of the command line."""
    issues = error.to_facts() if isinstance(error, InputError) else []
    return {"type": _type(error), "message": masked(words), "issues": issues}


def _type(error: BaseException | None) -> str:
    if error is None or isinstance(error, InputError):
        return "input"
    if isinstance(error, TrainingFailed):
        return "training"
    return "system" if isinstance(error, OSError) else "bug"


def plain(value: Any) -> Any:
    r"""Return a value as JSON has it: null for what is no finite number, text without surrogates.

    Example:
        >>> plain({"a": (float("inf"), 0.1), "b": "caf\udce9"})
        {'a': [None, 0.1], 'b': 'caf\\udce9'}
    """
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(one) for key, one in value.items()}
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, PathLike):
        return plain(fspath(value))
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):  # a number or array of NumPy
        return plain(value.tolist())
    if isinstance(value, Sequence):
        return [plain(one) for one in value]
    return None if value != value else str(value)  # such as pandas' NA


if __name__ == "__main__":
    from nnrun.commands import run

    def _print() -> int:
        print(__doc__)
        return 0

    run(_print, json=False)
