"""Tuning a sweep: every choice is composed and checked, then trained, then one is taken."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import filter_overrides
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nnrun import documents
from nnrun.config.read import SWEEP, Known, read, require_one_sweep
from nnrun.config.settings import Job
from nnrun.errors import InputError, Issue, listed
from nnrun.hydra_ext.check import BadJobs, check_jobs
from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.folders import RESOLVER
from nnrun.hydra_ext.planning import Tuning
from nnrun.interrupt import interrupts_held
from nnrun.launch import terminal
from nnrun.launch.claim import MARKER, require_unused
from nnrun.launch.facts import tuning_facts
from nnrun.launch.launch import MEASURE_FROM, announce
from nnrun.launch.racing import Arm
from nnrun.launch.required import require_told
from nnrun.launch.tuning import Tuned, say_what_was_chosen, tune
from nnrun.statistics.racing import looks
from nnrun.text import things
from nnrun.trials.cache import Cache
from nnrun.trials.forecast import wanted
from nnrun.trials.progress import Clock, meter
from nnrun.trials.run import cache_of

JUDGES = ("target", "budget", "evals")
"""What the choices of a job are judged by."""

UNTIL = "who falls far behind gets no more; a third of all is usual"
"""How long a race goes on."""

Jobs = Sequence[Sequence[str]]


def tuned_batches(
    composer: Composer,
    master: DictConfig,
    batches: Sequence[Jobs],
    tuning: Tuning,
    clock: Clock,
) -> tuple[list[Jobs], Tuned | None]:
    """Choose the tuned values of each job, before any job of the grid is trained.

    Raises:
        InputError: If any job cannot be trained with some choice; nothing was trained.
        SystemExit: If interrupted.
    """
    jobs = [job for batch in batches for job in batch]
    with clock("compose"):
        arms = _arms(composer, jobs, tuning)
        first = [[*job, *tuning.choices[0]] for job in jobs]
        checked = check_jobs(composer, master, first, first=0)
        _require_other_seeds(checked, tuning)
        require_told(checked)
        _require_free_folder(master)
    with clock("tune"):
        tuned = _tuned(arms, tuning.race)
    choices = iter(tuned.chosen if tuned else [0] * len(jobs))
    chosen = [[[*job, *tuning.choices[next(choices)]] for job in batch] for batch in batches]
    return list(chosen), tuned


def _tuned(arms: Sequence[Arm], race: bool) -> Tuned | None:
    """Say what is done, do it and say what was found; None if only a plan is wanted."""
    jobs = [job for arm in arms for job in arm.jobs]
    cache, todo, plan_only = cache_of(jobs[0]), wanted(jobs), jobs[0].plan_only
    doing = f"tuning {', '.join(arms[0].choices[0])}: "
    measure_from = 0.0 if plan_only else MEASURE_FROM
    first = looks(jobs[0].seeds)[0]
    sure = wanted([job.part(0, first) for job in jobs]) if race and first < jobs[0].seeds else None
    executor = jobs[0].executor
    expected = announce(todo, cache, executor, None, measure_from, doing, sure, UNTIL)
    if plan_only:
        documents.give("plan", tuning=tuning_facts(expected))
    tuned = _until_interrupted(arms, cache, race, plan_only)
    if tuned is None:
        return None
    for complaint in cache.complaints:
        terminal.warn(complaint)
    say_what_was_chosen(arms, tuned)
    return tuned


def _until_interrupted(
    arms: Sequence[Arm], cache: Cache, race: bool, only_cached: bool
) -> Tuned | None:
    with interrupts_held() as interrupt:
        try:
            return tune(arms, cache, interrupt.check, race, only_cached)
        except KeyboardInterrupt:
            kept = cache.use == "use"
            terminal.say_how_to_go_on(len(arms), len(arms), kept)
            raise SystemExit(interrupt.exit_code or 130) from None


def _arms(composer: Composer, jobs: Jobs, tuning: Tuning) -> list[Arm]:
    """Compose and check what is trained to tune each job.

    Raises:
        InputError: With what every job breaks, or else the jobs that break a rule.
    """
    arms, bad, broken = [], [], []
    seeds = {"seed": tuning.seeds[0], "seeds": len(tuning.seeds), "animate": False}
    known: Known = {}
    n = len(jobs) * len(tuning.choices)
    with meter(f"checking {things(n, 'setting')} to tune", n, "settings") as advance:
        for number, overrides in enumerate(jobs):
            trials: list[Job] = []
            issues: dict[str, Issue] = {}
            for choice in tuning.choices:
                try:
                    values = {**composer.values([*overrides, *choice]), **seeds}
                    trials.append(read(values, known, importing=True))
                except (InputError, HydraException, OmegaConfBaseException) as error:
                    refused = composer.refusal([*overrides, *choice], error)
                    name = " ".join([f"#{number}", *filter_overrides(overrides), *choice])
                    bad.append((name, refused))
                    issues |= {str(issue): issue for issue in refused.issues}
                advance(1)
            broken.append(issues)
            arms.append(Arm(number, list(filter_overrides(overrides)), tuning.named, trials))
    if bad and all(issues.keys() == broken[0].keys() for issues in broken):
        raise InputError(*broken[0].values())
    if bad:
        raise BadJobs(bad, n)
    require_one_sweep([job for arm in arms for job in arm.jobs])
    for arm in arms:
        _require_one_judge(arm)
    return arms


def _require_one_judge(arm: Arm) -> None:
    for key in JUDGES:
        if len({getattr(job.setting, key) for job in arm.jobs}) > 1:
            rule = f"changes '{key}', by which the values are judged"
            raise InputError(Issue(f"{SWEEP}.tune", listed(list(arm.choices[0])), rule))


def _require_other_seeds(jobs: Sequence[Job], tuning: Tuning) -> None:
    """Check that no seed both chooses and is reported."""
    first, last = tuning.seeds[0], tuning.seeds[-1]
    for mine in dict.fromkeys(job.trial_seeds for job in jobs):
        if mine[0] <= last and first <= mine[-1]:
            rule = f"seeds {first} to {last} would tune, and seeds {mine[0]} to {mine[-1]} report"
            hint = "values tuned on the seeds that are reported look better than they are"
            raise InputError(Issue(f"{SWEEP}.tune_seed", first, rule, hint))


def _require_free_folder(master: DictConfig) -> None:
    """Check a folder that was named before anything is trained, as far as that can be known."""
    raw: Any = OmegaConf.to_container(master.hydra.sweep, resolve=False)
    if RESOLVER not in str(raw["dir"]):  # that is a new one
        folder = Path(str(master.hydra.sweep.dir))
        if not (folder / MARKER).exists():
            require_unused(folder)
