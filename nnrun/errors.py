"""What went wrong with the user's input, said once and in one form."""

import errno
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from nnrun import text as words
from nnrun.masking import HIDDEN, masked


@dataclass(frozen=True)
class Issue:
    """One broken rule: where, what was received, what must hold, and the likely fix.

    Attributes:
        key: Dotted configuration key, for instance ``data.label``.
        value: The value received, or None where a value is not the point.
        rule: What must hold, as the rest of a sentence that starts with the key.
        hint: The likely fix; may be empty.
    """

    key: str
    value: Any
    rule: str
    hint: str = ""

    def __str__(self) -> str:
        text = masked(as_typed(self.value))
        # a file is to be found by its path
        value = text if isinstance(self.value, os.PathLike) else shortened(text)
        received = "" if self.value is None else f"={words.shown(value)}"
        told = masked(f"{self.rule} ({self.hint})" if self.hint else self.rule)
        return f"{words.shown(masked(self.key))}{received}: {words.shown(told, lines=True)}"

    def to_facts(self) -> dict[str, Any]:
        """Return the same in fields; a value that JSON has no word for as it is typed."""
        value = self.value
        if not isinstance(value, bool | int | float | None):
            value = masked(as_typed(value))
        told = {"rule": masked(self.rule), "hint": masked(self.hint)}
        return {"key": masked(self.key), "value": value, **told}


class InputError(ValueError):
    """The user's input breaks one or more rules; nothing was trained.

    Attributes:
        issues: Every broken rule that was found, in the order of the configuration.
    """

    def __init__(self, *issues: Issue) -> None:
        super().__init__("\n".join(str(issue) for issue in issues))
        self.issues = issues

    def to_facts(self) -> list[dict[str, Any]]:
        """Return the issues as a document of ``--json`` says them, secrets masked."""
        return [issue.to_facts() for issue in self.issues]

    def within(self, prefix: str) -> "InputError":
        """Return the same error with every key moved under ``prefix``."""
        return InputError(
            *(Issue(f"{prefix}.{i.key}", i.value, i.rule, i.hint) for i in self.issues)
        )


class TrainingFailed(Exception):
    """A job's training raised an error; its record holds the traceback."""


class Shortfall(Exception):
    """Results are there, and what was required of them, or of their store, is not.

    Attributes:
        results: What was found.
    """

    def __init__(self, words: str, results: Any) -> None:
        super().__init__(words)
        self.results = results


FULL = "free some space; the same command goes on"
NOT_ALLOWED = "ask its owner, or choose another folder"
REMEDIES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EACCES: NOT_ALLOWED,
    errno.EPERM: NOT_ALLOWED,
    errno.EROFS: "choose another folder",
    errno.EISDIR: "move it away: a file of this name is to be written",
    errno.EMFILE: "raise the limit of open files, for instance ulimit -n 4096",
}
"""What helps where the system refuses something."""


def refused(error: OSError, remedy: str = "") -> str:
    """Say of which file the system refused what, and what helps.

    Args:
        error: What the system said.
        remedy: What helps here, if more is known of it than from the error.

    Example:
        >>> refused(OSError(errno.ENOSPC, "No space left on device", "outputs/mlflow.db"))
        'outputs/mlflow.db: No space left on device (free some space; the same command goes on)'
    """
    if error.errno is None:
        return str(error)
    file = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    remedy = remedy or REMEDIES.get(error.errno, "")
    return f"{file}{error.strerror}{f' ({remedy})' if remedy else ''}"


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Suggest the known word that was likely meant: another case, another tool's, or misspelt.

    What was typed is never suggested: where it is known, something else is wrong with it.

    Args:
        word: As typed.
        known: What could have been meant; dotted keys are found by their last part, too.

    Example:
        >>> did_you_mean("sigmiod", ["tanh", "sigmoid"])
        "did you mean 'sigmoid'?"
        >>> did_you_mean("ReLU", ["relu", "elu"]), did_you_mean("learning_rate", ["lr", "seed"])
        ("did you mean 'relu'?", "did you mean 'lr'?")
        >>> did_you_mean("zzz", ["tanh", "sigmoid"])
        'known: sigmoid, tanh'
    """
    names = sorted(set(known) - {str(word)})
    meant = _nearest(str(word), names)
    if meant is not None:
        return f"did you mean '{meant}'?"
    return f"known: {listed(names)}" if names else ""


def _nearest(word: str, names: Sequence[str]) -> str | None:
    """Return the name that a word is closest to: written otherwise, a synonym, then misspelt."""
    by_word = {_folded(name): name for name in reversed(names)}
    by_end = {_folded(name.rpartition(".")[2]): name for name in reversed(names)}
    for text in dict.fromkeys((_folded(word), _folded(word.rpartition(".")[2]))):
        synonyms = [name for name in SYNONYMS.get(text, ()) if name in names]
        found = by_word.get(text) or next(iter(synonyms), None) or by_end.get(text)
        if text and found:
            return found
    others = {
        text: name
        for text, meant in SYNONYMS.items()
        if len(text) > 6 and (name := next((one for one in meant if one in names), None))
    }
    # a synonym is only misspelt where hardly anything is wrong with it
    close = get_close_matches(_folded(word), others, n=1, cutoff=0.85)
    if close:
        return others[close[0]]
    close = get_close_matches(_folded(word), by_word, n=1, cutoff=0.55)
    return by_word[close[0]] if close else None


def _folded(word: str) -> str:
    return re.sub(r"[-_\s]", "", word.casefold())


def listed(names: Sequence[str], most: int = 20) -> str:
    """Join names with commas, cutting a long list short and saying so."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


def as_typed(value: Any) -> str:
    """Write a configuration value as the command line takes it.

    Example:
        >>> as_typed(["x", "y", "x*y"]), as_typed(None), as_typed(5.0), as_typed(True)
        ('[x,y,x*y]', 'null', '5', 'true')
    """
    if isinstance(value, list | tuple):
        return "[" + ",".join(as_typed(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{as_typed(v)}" for key, v in value.items()) + "}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def shortened(text: str, most: int = 80) -> str:
    """Leave out the middle of a long text; the end of a path says more than that."""
    ahead = 3 * most // 8
    return text if len(text) <= most else f"{text[:ahead]}...{text[ahead + 3 - most :]}"


def unmasked(text: str, known: Iterable[str | None]) -> str:
    """Find the address whose password was hidden.

    Args:
        text: An address as ``masked`` wrote it; one without a password is returned as it is.
        known: Where it may be among.

    Raises:
        InputError: If its password is hidden and it is not there.

    Example:
        >>> unmasked("http://me:***@host", ["http://host", "http://me:secret@host"])
        'http://me:secret@host'
    """
    if HIDDEN not in text:
        return text
    found = next((address for address in known if address and masked(address) == text), None)
    if found is None:
        hint = "name the store by --uri or MLFLOW_TRACKING_URI"
        raise InputError(Issue("store", text, "its password is not kept on disk", hint))
    return found


SYNONYMS: dict[str, tuple[str, ...]] = {
    name: tuple(meant)
    for meant, names in (
        # keys
        (["lr"], "learningrate learningrateinit eta eta0 stepsize rate baselr"),
        (["batch_size"], "batch bs minibatch minibatchsize"),
        (
            ["budget"],
            "epoch epochs nepochs numepochs maxepochs maxiter iterations niter steps nsteps "
            "maxsteps trainsteps samples nsamples numsamples maxsamples updates",
        ),
        (["evals"], "evaluations evalevery nevals evalpoints"),
        (["seed"], "randomstate randomseed rng rngseed manualseed"),
        (
            ["seeds"],
            "nseeds numseeds repeats repetitions replicates reps trials ntrials runs nruns",
        ),
        (
            ["network.hidden"],
            "layers hiddenlayers hiddensizes hiddenlayersizes hiddenunits hiddensize hiddendim "
            "units neurons layersizes width widths architecture topology",
        ),
        (["network.activation"], "activationfunction nonlinearity act activationfn"),
        (["network.output"], "outputactivation outactivation"),
        (["network"], "model net mlp"),
        (["penalties.l2", "l2"], "alpha l2reg l2penalty ridge"),
        (["penalties.l1", "l1"], "l1reg l1penalty lasso"),
        (["penalties.weight_decay", "weight_decay"], "wd weightdecay decoupledweightdecay"),
        (["optimizer"], "solver optim optimiser updater"),
        (["optimizer.beta1", "beta1"], "betas beta"),
        (["optimizer.epsilon", "epsilon"], "eps adamepsilon"),
        (["loss"], "criterion lossfunction lossfn objective cost"),
        (["schedule"], "scheduler lrscheduler lrschedule learningrateschedule decay annealing"),
        (["schedule.warmup", "warmup"], "warmupsteps nwarmup"),
        (["data"], "dataset problem generator"),
        (["data.task", "data"], "task"),
        (["data.path", "path"], "file csv filename datapath trainfile"),
        (["data.label", "label"], "labels labelcolumn targetcolumn y"),
        (["data.n_train", "n_train"], "trainsize numtrain poolsize"),
        (["data.test_share", "test_share", "data.n_test"], "testsize testfraction validationsplit"),
        (["features"], "inputs featureset featuremap"),
        (["features.standardise"], "standardize normalize normalise scale standardscaler"),
        (["init"], "initializer initialiser initialization initialisation weightinit weights"),
        (["clip.norm"], "gradclip gradientclip clipnorm maxnorm maxgradnorm gradientclipval"),
        (["clip.value"], "clipvalue gradientclipvalue"),
        (["target.value"], "tol tolerance threshold targetaccuracy goal"),
        (["target.hold"], "patience"),
        (["executor.workers"], "threads nthreads jobs njobs numworkers cores cpus processes"),
        (["experiments"], "experiment study studies exp"),
        (["name"], "experimentname runname project"),
        (["tracking"], "mlflow logger wandb tensorboard"),
        (["tracking.uri"], "trackinguri mlflowuri mlflowtrackinguri"),
        (["engine"], "device gpu cuda backend"),
        (["plan_only"], "dryrun plan"),
        (["continue_from"], "resume resumefrom checkpoint ckpt ckptpath warmstart"),
        (["animate"], "animation gif video movie"),
        (["hydra.run.dir"], "outputdir outdir logdir savedir output outputs"),
        # options
        (["squared_error"], "mse meansquarederror squaredloss l2loss quadratic rmse squared"),
        (["absolute"], "mae l1loss meanabsoluteerror absoluteerror"),
        (["huber"], "smoothl1"),
        (["hinge"], "svm maxmargin"),
        (["sigmoid", "binary_crossentropy", "perceptron"], "logistic"),
        (["binary_crossentropy"], "bce logloss crossentropy bcewithlogits sigmoidcrossentropy"),
        (["categorical_crossentropy"], "ce nll softmaxcrossentropy sparsecategoricalcrossentropy"),
        (["sgd"], "gd gradientdescent vanilla backprop"),
        (["nesterov"], "nag"),
        (["glorot"], "xavier xavieruniform xaviernormal"),
        (["he"], "kaiming msra kaimingnormal kaiminguniform"),
        (["constant"], "zeros zero ones"),
        (["normal", "gauss"], "gaussian randn randomnormal"),
        (["uniform"], "rand randomuniform"),
        (["silu"], "swish"),
        (["linear", "raw"], "identity"),
        (["polynomial"], "linear poly"),
        (["cosine"], "cosineannealing cosinedecay sgdr"),
        (["triangular"], "cyclic clr"),
        (["gauss", "multi_gaussian"], "blobs makeblobs"),
        (["moons"], "twomoons makemoons"),
        (["circle"], "circles makecircles concentric"),
        (["table"], "tabular dataframe"),
        (["digits"], "mnist"),
        (["seed"], "default"),
        (["accuracy"], "acc valacc valaccuracy testacc testaccuracy"),
        (["test_loss"], "loss valloss validationloss evalloss"),
        (["off"], "none null false no disabled"),
        (["mlflow", "html"], "true yes on enabled"),
    )
    for name in names.split()
}
"""What may be meant, the first that is known first, by lower-case words without ``_`` and ``-``."""
