"""The technical words of a page, what each means, and links from where they stand."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from markupsafe import Markup, escape

from nnrun.text import OWN, Words


class Term(NamedTuple):
    """A technical word.

    Attributes:
        id: Of its entry, for links.
        title: As the glossary lists it.
        forms: As it stands in text, a regular expression.
        text: What it means, in plain words.
        source: Where to read on; empty where nnrun itself is the source.
    """

    id: str
    title: str
    forms: str
    text: str
    source: str = ""


EFRON = (
    "B. Efron: Better bootstrap confidence intervals, 1987, doi:10.1080/01621459.1987.10478410; "
    "T. Hesterberg: What teachers should know about the bootstrap, 2015, "
    "doi:10.1080/00031305.2015.1089789"
)
FISHER = "R. A. Fisher: The Design of Experiments, 1935"
FAWCETT = "T. Fawcett: An introduction to ROC analysis, 2006, doi:10.1016/j.patrec.2005.10.010"
WILSON = (
    "E. B. Wilson: Probable inference, the law of succession, and statistical inference, 1927, "
    "doi:10.1080/01621459.1927.10502953"
)

TERMS = (
    Term(
        "accuracy", "Accuracy", r"accurac(?:y|ies)",
        "The share of held-out points that the network puts into the right class.",
    ),
    Term(
        "auc", "ROC AUC", r"ROC AUC",
        "The chance that the network gives a point of class 1 a higher output than a point of "
        "class 0: 0.5 is guessing, 1 tells all apart. It asks for no boundary between the classes.",
        FAWCETT,
    ),
    Term(
        "baseline", "Baseline", r"baselines?",
        "The setting that the others are compared with: the first one of the sweep, unless "
        "another was asked for.",
    ),
    Term(
        "block", "Block", r"blocks?",
        "All settings that are alike in every factor but one. Levels of that factor are compared "
        "inside a block, so that the other factors cannot be what makes the difference.", FISHER,
    ),
    Term(
        "bootstrap", "Bootstrap", r"bootstrap(?:ping|s)?|BCa|percentile|resamples?|resampled",
        "Many sweeps are made up from this one, by drawing its seeds with replacement; how much "
        "the answer varies among them says how sure it is. Percentile and BCa are two ways to "
        "read an interval off them, both widened here for few seeds.", EFRON,
    ),
    Term(
        "budget", "Budget", r"(?:common )?budgets?",
        "The most training samples that a network may see. The common budget is the one up to "
        "which all settings can be judged.",
    ),
    Term(
        "censored", "Censored", r"censor(?:ed|ing)",
        "Not arrived by the end of the budget: how long it would have taken is unknown, only that "
        "it is longer. Leaving such seeds out would make a setting look better than it is.",
        "E. L. Kaplan, P. Meier: Nonparametric estimation from incomplete observations, 1958, "
        "doi:10.1080/01621459.1958.10501452",
    ),
    Term(
        "claim", "Claim", r"claims?|verdict",
        "A difference that this page states. It takes enough pairs of seeds, an interval that "
        "leaves 'no difference' out, and a small p after Holm's correction: all three.",
    ),
    Term(
        "converge", "Converge", r"converges?|converging",
        "To reach the declared target and stay there. Sooner is with fewer training samples.",
    ),
    Term(
        "detectable", "Could have shown", r"could have shown|detectable ratio|power",
        "The smallest ratio that so many seeds, which vary so much, would show four times in five. "
        "Where no difference is shown, smaller ones remain possible.",
        "J. Cohen: Statistical Power Analysis for the Behavioral Sciences, 1988",
    ),
    Term(
        "diverged", "Diverged", r"diverged?",
        "The loss grew without bound, or became no number at all. Such a seed counts as one that "
        "never arrives.",
    ),
    Term(
        "ert", "Running time (ERT)", r"(?:expected )?running times?|ERT",
        "Expected running time: the samples that all seeds have spent, for each one that arrived. "
        "What it costs on average if one starts anew, with another seed, until one arrives.",
        "N. Hansen, A. Auger, S. Finck, R. Ros: Real-parameter black-box optimization benchmarking "
        "2009: experimental setup, 2009, INRIA RR-6828",
    ),
    Term(
        "evaluation", "Evaluation", r"evaluations?|evaluation (?:grid|points?)|evaluated",
        "A moment at which training pauses and the network is measured on held-out points. The "
        "moments are spaced on a log scale and alike for all seeds; times are known no finer.",
    ),
    Term(
        "f1", "F1", r"F1",
        "How well the network finds class 1: the harmonic mean of the share of its finds that are "
        "right and the share of class 1 that it finds. 1 is perfect.",
        "C. J. van Rijsbergen: Information Retrieval, 1979, chapter 7",
    ),
    Term(
        "factor", "Factor", r"factors?|levels?",
        "A key that the sweep varies, such as the learning rate; the values that it takes are its "
        "levels.", FISHER,
    ),
    Term(
        "geometric-mean", "Geometric mean", r"geometric mean",
        "The mean for ratios: twice and half average to 1.",
    ),
    Term(
        "greenwood", "Greenwood interval", r"Greenwood",
        "How sure the share of seeds at the target is at one moment, from how many seeds were "
        "still short of it; the log(−log) form keeps it between 0 and 1. It holds point by "
        "point, not for the whole curve at once.",
        "J. D. Kalbfleisch, R. L. Prentice: The Statistical Analysis of Failure Time Data, 1980, "
        "section 1.4",
    ),
    Term(
        "hidden", "Hidden unit, hidden layer", r"hidden (?:units?|layers?)",
        "A unit adds up its inputs, each times a weight, adds its bias, and bends the sum by its "
        "activation. A hidden layer's units stand between the inputs and the output: each of the "
        "first draws one line across the plane, and the next put such lines together.",
    ),
    Term(
        "held-out", "Held-out points", r"held[- ]out(?: points)?|test (?:set|points)",
        "Points that networks are tested on, and not trained on; all networks of a setting are "
        "measured on the same ones. A set that is all there is, such as the four corners of a "
        "logic gate, is both.",
    ),
    Term(
        "hold", "Hold", r"held it|must hold|hold",
        "For how many evaluations in a row the target must stay met. It keeps a lucky touch from "
        "counting; the time is that of the first of them.",
    ),
    Term(
        "holm", "Holm's correction", r"Holm(?:'s correction)?",
        "Whoever asks many questions gets some false yes by chance. It makes p larger, so that "
        "over all questions together a false yes comes up in at most 5 of 100 sweeps.",
        "S. Holm: A simple sequentially rejective multiple test procedure, 1979",
    ),
    Term(
        "interaction", "Interaction", r"interactions?|depends on",
        "What one factor does depends on the level of another, so that one number for all of them "
        "would mislead.", FISHER,
    ),
    Term(
        "interval", "95% interval", r"(?:95% )?(?:confidence )?intervals?",
        "A range made so that it holds the true value in about 95 of 100 such sweeps. A wide one "
        "says that the seeds were too few, or too different, to know better.", EFRON,
    ),
    Term(
        "iqm", "Interquartile mean (IQM)", r"interquartile means?|IQM",
        "The mean of the middle half of the seeds: the best and the worst quarter are left out. "
        "Steadier than a median, and not swayed by a few stuck seeds.",
        "R. Agarwal, M. Schwarzer, P. S. Castro, A. Courville, M. G. Bellemare: Deep reinforcement "
        "learning at the edge of the statistical precipice, 2021, arXiv:2108.13264",
    ),
    Term(
        "kaplan-meier", "Kaplan–Meier", r"Kaplan–Meier",
        "An estimate of the share of seeds still short of the target at each moment, which takes "
        "those that were watched for less long rightly into account. Drawn is 1 minus it.",
        "E. L. Kaplan, P. Meier: Nonparametric estimation from incomplete observations, 1958, "
        "doi:10.1080/01621459.1958.10501452",
    ),
    Term(
        "learning-rate", "Learning rate", r"learning rates?",
        "How large a step each sample, or batch of them, makes a network's weights take: too "
        "small and it takes long, too large and it overshoots. In settings it is called lr.",
    ),
    Term(
        "log-rank", "Log-rank test", r"log-rank(?: test)?",
        "A second test of whether two settings arrive alike, which compares them at every moment "
        "among the seeds still short of the target. Its variance is that of swaps of the arms "
        "within seeds: taken over all trials it would miss what the pairs show. It is weak where "
        "curves cross.",
        "N. Mantel: Evaluation of survival data, 1966; S.-H. Jung: Rank tests for matched survival "
        "data, 1999, doi:10.1023/A:1009635201363",
    ),
    Term(
        "log-scale", "Log scale", r"log(?:arithmic)? scale",
        "Each step along the axis multiplies: from 100 to 1,000 is as far as from 1,000 to 10,000.",
    ),
    Term(
        "look", "Look", r"at every look|looked at|looks?",
        "Results were seen, and seeds could be added because of what they said. Who looks often "
        "and stops when a difference shows will find one where there is none, unless tests and "
        "intervals hold at all looks together; those are wider.",
        "A. Ramdas, P. Grünwald, V. Vovk, G. Shafer: Game-theoretic statistics and safe "
        "anytime-valid inference, 2023, doi:10.1214/23-STS894; C. Jennison, B. W. Turnbull: "
        "Interim analyses: the repeated confidence interval approach, 1989",
    ),
    Term(
        "loss", "Loss", r"(?:test|training) loss(?:es)?|loss(?:es)?",
        "How wrong the network is, as one number; training makes it small. The training loss is "
        "measured on what it learns from, the test loss on held-out points.",
    ),
    Term(
        "margin", "Margin", r"margin|to within",
        "Two settings count as the same when the interval of their ratio lies within this much of "
        "1 (for 10%: between 1/1.1 and 1.1), so that a difference that matters is ruled out. Not "
        "the same as 'no difference shown'. report.margin sets it.",
        "D. J. Schuirmann: A comparison of the two one-sided tests procedure, 1987, "
        "doi:10.1007/BF01068419",
    ),
    Term(
        "median", "Median", r"medians?",
        "The value in the middle: half of the seeds are below it. ∞ where half never arrive.",
    ),
    Term(
        "no-difference", "No difference shown", r"no difference shown",
        "The sweep does not tell the two apart. That is not the same as their being equal: see "
        "what it could have shown.",
    ),
    Term(
        "p", "p-value", r"p-values?|p(?=[ :;.])",
        "How often chance alone would show a difference at least as large, if there were none. "
        "Small speaks against chance; it does not say how large the difference is.",
        "R. L. Wasserstein, N. A. Lazar: The ASA statement on p-values, 2016, "
        "doi:10.1080/00031305.2016.1154108",
    ),
    Term(
        "paired", "Paired by seed", r"paired(?: by seed)?|pairs?(?: of seeds)?",
        "Two settings are compared seed by seed: a seed fixes the first weights and the order of "
        "the samples, so both had the same luck, and what is left is the settings' own.", FISHER,
    ),
    Term(
        "parameters", "Parameters", r"parameters",
        "The weights and biases that training sets: how large a network is.",
    ),
    Term(
        "plateau", "Plateau", r"plateau(?:ed)?",
        "A seed that did not arrive, and whose best test loss fell by less than 1% in the second "
        "half of its budget. It may be stuck for good, or only for long: a larger budget tells.",
    ),
    Term(
        "profile", "Runtime profile", r"runtime profile|ladder",
        "The share of all pairs of a seed and a target that are solved by a moment, over a whole "
        "ladder of targets from easy to hard. It shows whether the answer hangs on one target.",
        "N. Hansen, A. Auger, R. Ros, O. Mersmann, T. Tušar, D. Brockhoff: COCO, 2021, "
        "doi:10.1080/10556788.2020.1808977",
    ),
    Term(
        "quartile", "Interquartile range", r"interquartile range|quartiles?",
        "Where the middle half of the seeds lies. It tells how seeds differ, not how sure the "
        "median is.",
    ),
    Term(
        "ratio", "Ratio", r"(?:log )?ratios?|times the samples",
        "How many times the samples one setting takes that the other does, by their restricted "
        "means: 0.5 is half as many, 1 the same.",
    ),
    Term(
        "restricted-mean", "Restricted mean (RMST)",
        r"restricted means?(?: (?:time|samples))?|means restricted|RMST|restricted to",
        "The mean of the samples to the target, a seed that has not arrived by the common budget "
        "counting with just that. It leaves no seed out and makes no time up.",
        "P. Royston, M. K. B. Parmar: Restricted mean survival time, 2013, "
        "doi:10.1186/1471-2288-13-152",
    ),
    Term(
        "risk", "At risk", r"at risk|still short of the target",
        "How many seeds are still short of the target at a moment: what the curve rests on there.",
    ),
    Term(
        "samples", "Training samples seen", r"training samples(?: seen)?|samples seen|samples",
        "How much a network has been shown: the clock of this page. An epoch over 1,000 points is "
        "1,000 samples.",
    ),
    Term(
        "score", "Score interval", r"score interval",
        "Wilson's interval with the variance that was seen, so that ties do not make it too wide.",
        WILSON,
    ),
    Term(
        "seed", "Seed", r"seeds?",
        "A number that fixes all chance in one training: first weights, data, their order. "
        "Another seed is another try of the same setting.",
    ),
    Term(
        "setting", "Setting", r"settings?|arms?",
        "One choice of everything that can be chosen: data, network, optimizer, rates. It is "
        "trained with many seeds. In a comparison it is called an arm.",
    ),
    Term(
        "sign-test", "Sign test", r"sign tests?|usually (?:sooner|later)",
        "Counts only which arm is first in each pair, not by how much: a few seeds that get stuck "
        "cannot outweigh all others. If neither arm were better, it would be first in half of the "
        "pairs.", "W. J. Dixon, A. M. Mood: The statistical sign test, 1946, "
        "doi:10.1080/01621459.1946.10501898",
    ),
    Term(
        "success", "Success rate", r"success rates?|Wilson",
        "The share of seeds that reach the target within the budget. Wilson's interval says how "
        "sure it is, and stays sensible at none and at all.", WILSON,
    ),
    Term(
        "swap", "Swap test", r"swap tests?|(?:random )?swaps|swapped|permutation test",
        "If two settings were alike, it would not matter which of a pair of seeds belongs to "
        "which. So they are swapped at random, many times; p is how often that gives a difference "
        "as large as the one seen.",
        f"{FISHER}; B. Phipson, G. K. Smyth: Permutation p-values should never be zero, 2010, "
        "doi:10.2202/1544-6115.1585",
    ),
    Term(
        "target", "Target", r"targets?",
        "What counts as having learned, such as an accuracy. It was declared before training, "
        "unless this page says otherwise.",
    ),
    Term(
        "ties", "Tie", r"ties?|tied",
        "A pair of seeds in which both settings arrive at the same evaluation, or neither does.",
    ),
    Term(
        "tuning", "Tuning", r"tuned|tuning",
        "Choosing a value for each arm before the comparison, on seeds that are not among those "
        "reported, so that no arm is held back by a value that suits another.",
    ),
    Term(
        "variance", "Share of the variance", r"variance",
        "How much of all differences between trials goes with each factor, with factors together, "
        "and with the seed; the shares add up to all.", FISHER,
    ),
)  # fmt: skip

BY_ID = {term.id: term for term in TERMS}

OF_CURVES = {
    "budget": "How far each curve is judged. The common budget is the one up to which all settings "
    "can be.",
    "converge": "To reach the target and stay there. Sooner is with fewer {unit}.",
    "diverged": "The metric became no finite number, and stayed so. Such a seed counts as one that "
    "never arrives.",
    "ert": "Expected running time: the {unit} that all seeds have spent, for each one that "
    "arrived. What it costs on average if one starts anew, with another seed, until one arrives.",
    "evaluation": "A row of the table: the metric at a moment. All curves are judged at the "
    "moments that they share; times are known no finer.",
    "factor": "A column of the table that tells settings apart; its values are its levels.",
    "margin": "Two settings count as the same when the interval of their ratio lies within this "
    "much of 1 (for 10%: between 1/1.1 and 1.1), so that a difference that matters is ruled out. "
    "Not the same as 'no difference shown'.",
    "paired": "Two settings are compared seed by seed: what the same seed fixes in both, such as "
    "first weights or the order of data, cannot make the difference.",
    "plateau": "A seed that did not arrive, and whose best value improved by less than 1% in the "
    "second half. It may be stuck for good, or only for long: a larger budget tells.",
    "ratio": "How many times the {unit} one setting takes that the other does, by their restricted "
    "means: 0.5 is half as many, 1 the same.",
    "restricted-mean": "The mean of the {unit} to the target, a seed that has not arrived by the "
    "common budget counting with just that. It leaves no seed out and makes no time up.",
    "seed": "One repetition of a setting, with luck of its own.",
    "setting": "One choice of all that the table's columns tell apart. In a comparison it is "
    "called an arm.",
    "swap": "If two settings were alike, it would not matter which curve belongs to which. So they "
    "change places at random, many times; p is how often that gives a difference as large as the "
    "one seen.",
    "target": "What counts as having arrived: a value of the metric.",
}
"""What terms mean where curves are not of networks that nnrun trained."""

OF_GROUPS = {
    "claim": "A difference that this page states. It takes enough seeds of both arms, an interval "
    "that leaves 'no difference' out, and a small p after Holm's correction: all three.",
    "log-rank": "A second test of whether two settings arrive alike, which compares them at every "
    "moment among the seeds still short of the target. It is weak where curves cross.",
    "ties": "Two curves, one of either setting, that arrive at the same evaluation, or neither of "
    "which does.",
}
"""The same, where curves of two settings are not paired."""

NOT_OF_CURVES = {
    *("accuracy", "auc", "f1", "hidden", "held-out", "learning-rate", "loss", "parameters"),
    *("profile", "samples", "tuning"),
}
"""Terms that say nothing there."""

# a word next to = _ . or - is part of a name or a number, no word
WORD = re.compile(
    r"(?<![\w=.\-/\[])(?:"
    + "|".join(f"(?P<t{i}>{term.forms})" for i, term in enumerate(TERMS))
    + r")(?![\w=]|[.\-/:]\w)",
    re.IGNORECASE,
)

# what holds no sentence of ours, or would hold a link in a link or a button
UNREAD = "svg|style|script|code|pre|a|button|h1|h2|h3|thead|summary|title"
TOKEN = re.compile(rf"<({UNREAD})\b.*?</\1>|<[^>]*>|[^<]+", re.DOTALL)
PLAIN, VOID = ' translate="no"', re.compile(r"<(?:br|img|input|hr|meta|link|wbr)\b")


class Glossary:
    """Makes each technical word a link to its entry where a section first has it.

    What a user wrote is no text of ours and gets no links: elements that hold it say
    ``translate="no"``, and in sentences the names that are given are passed over.

    Args:
        names: Of settings, levels and keys, as the user wrote them.
        words: What the curves of the page are of.
    """

    def __init__(self, names: Iterable[str] = (), words: Words = OWN) -> None:
        written = {str(escape(name)) for name in names}
        # the others hold no technical word that could be taken for ours
        odd = sorted((name for name in written if WORD.search(name)), key=len, reverse=True)
        self._names = re.compile("|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in odd))
        self._any = bool(odd)
        self._used: set[str] = set()
        self._unit = words.unit
        self._otherwise = {} if words.own else OF_CURVES
        self._otherwise = self._otherwise | ({} if words.paired else OF_GROUPS)
        self._without = set[str]() if words.own else NOT_OF_CURVES

    def linked(self, html: str) -> Markup:
        """Make links in a page's HTML, which must be well formed."""
        seen, closed, out = set[str](), 0, list[str]()
        for token in TOKEN.finditer(html):
            text = token[0]
            if token[1] is None and text[0] == "<":
                if text.startswith(("<section", "<header")):
                    seen.clear()
                closed = _depth(text, closed)
            elif token[1] is None and not closed:
                text = self._text(text, seen)
            out.append(text)
        return Markup("".join(out))

    def entries(self) -> list[tuple[Term, Markup]]:
        """Return the terms that were linked to, and those that their entries link to, by title."""
        texts, waiting = dict[str, Markup](), sorted(self._used)
        while waiting:
            id_ = waiting.pop()
            if id_ not in texts:
                said = self._otherwise.get(id_, BY_ID[id_].text).replace("{unit}", self._unit)
                texts[id_] = Markup(self._text(str(escape(said)), {id_}))
                waiting += sorted(self._used - texts.keys())
        return sorted(
            ((BY_ID[id_], text) for id_, text in texts.items()), key=lambda e: e[0].title.lower()
        )

    def _text(self, text: str, seen: set[str]) -> str:
        """Link the words that a section has not had yet, outside of what the user wrote."""
        if not self._any:
            return self._words(text, seen)
        out, end = [], 0
        for name in self._names.finditer(text):
            out += [self._words(text[end : name.start()], seen), name[0]]
            end = name.end()
        return "".join([*out, self._words(text[end:], seen)])

    def _words(self, text: str, seen: set[str]) -> str:
        def link(found: re.Match[str]) -> str:
            term = TERMS[int(str(found.lastgroup)[1:])]
            if term.id in seen or term.id in self._without:
                return found[0]
            seen.add(term.id)
            self._used.add(term.id)
            return f'<a class="term" href="#term-{term.id}">{found[0]}</a>'

        return WORD.sub(link, text)


def _depth(tag: str, closed: int) -> int:
    """Count how deep a tag leaves us in an element that holds what a user wrote; 0 for outside."""
    if tag.startswith("</"):
        return max(closed - 1, 0)
    opens = not (tag.endswith("/>") or VOID.match(tag))
    return closed + 1 if opens and (closed or PLAIN in tag) else closed
