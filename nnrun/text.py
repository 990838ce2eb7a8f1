"""Numbers and names as people may read them."""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

METRIC_NAMES = {"train_loss": "training loss", "test_loss": "test loss", "accuracy": "accuracy"}


class Words(NamedTuple):
    """What curves are of, in the words of sentences and figures.

    Attributes:
        unit: What x counts, in the plural: ``0.5 times the samples``, ``100 samples``.
        seen: The same, as an axis has it.
        subject: What arrives, or does not.
        effort: What is needed to arrive.
        less: Of which there can be less.
        arrived: What whoever meets the target did; likewise ``arrives``.
        arrives: In the present.
        metrics: Names of metrics, by what tables call them.
        own: Whether the curves are of networks that nnrun trained.
        paired: Whether the same seed in two settings is the same luck.
    """

    unit: str = "samples"
    seen: str = "training samples seen"
    subject: str = "network"
    effort: str = "training"
    less: str = "less"
    arrived: str = "learned"
    arrives: str = "learns"
    metrics: Mapping[str, str] = METRIC_NAMES
    own: bool = True
    paired: bool = True

    @property
    def shared(self) -> str:
        """How many seeds two settings must have: in common, or each."""
        return "in common" if self.paired else "each"

    @property
    def order_test(self) -> str:
        """Which test asks who is first more often."""
        return "sign test" if self.paired else "Brunner–Munzel test"

    def amount(self, value: float) -> str:
        """Write a budget, or a time, with its unit.

        Example:
            >>> OWN.amount(1000), words_for("seconds", "loss").amount(0.12345)
            ('1,000 samples', '0.123 seconds')
        """
        return f"{exactly(value)} {self.unit}"


OWN = Words()
"""Of networks that nnrun trained."""


def words_for(x: str, y: str) -> Words:
    """Find the words for curves of a metric ``y`` against ``x``, as their table calls them.

    Example:
        >>> words_for("epoch", "val_acc").unit, words_for("env_steps", "reward").unit
        ('epochs', 'env_steps')
    """
    plain = x.isascii() and x.isalpha() and x == x.lower() and len(x) > 2
    unit = f"{x}s" if plain and not x.endswith("s") else x
    metrics = dict.fromkeys(METRIC_NAMES, y)
    return Words(unit, x, "run", unit, "fewer", "arrived", "arrives", metrics, own=False)


_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""Control characters, those that turn the direction of writing, and what is no character at all."""


def shown(text: object, lines: bool = False) -> str:
    r"""Write text from outside so that it is seen and does nothing: for terminals, XML and HTML.

    Args:
        text: A file's name, a column's, a store's answer: whatever others wrote.
        lines: Whether its lines and tabs stay.

    Example:
        >>> print(shown("a\x1b]0;title\x07\u202eb\nc"))
        a\x1b]0;title\x07\u202eb\nc
        >>> print(shown("Größe ≥ 1\n入力", lines=True))
        Größe ≥ 1
        入力
    """
    return _UNSEEN.sub(lambda c: c[0] if lines and c[0] in "\n\t" else _escape(c[0]), str(text))


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


_FORMULA = re.compile(r"'*[=+\-@\t\r]")
"""How a cell begins that a spreadsheet may take for a formula, once quoted or not."""


def cell(value: object) -> object:
    """Write a value of a CSV file so that no spreadsheet computes it: an apostrophe before text.

    Numbers stay numbers. ``from_cell`` takes the apostrophe away again.

    Example:
        >>> cell("=HYPERLINK(1)"), cell("-1.5e3"), cell(-2), cell("-"), cell("a-b")
        ("'=HYPERLINK(1)", '-1.5e3', -2, '-', 'a-b')
    """
    return f"'{value}" if isinstance(value, str) and _is_formula(value) else value


def from_cell(value: object) -> object:
    """Return the value that ``cell`` has written.

    Example:
        >>> [from_cell(cell(text)) for text in ("=1+1", "'=1", "'", "-3", "a")]
        ['=1+1', "'=1", "'", '-3', 'a']
    """
    quoted = isinstance(value, str) and value.startswith("'") and _is_formula(value[1:])
    return str(value)[1:] if quoted else value


def _is_formula(text: str) -> bool:
    if not _FORMULA.match(text) or text in ("+", "-"):
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def number(value: float, digits: int = 3) -> str:
    """Write a measured number for humans.

    Args:
        value: Any number; NaN and None are written as a dash.
        digits: Significant digits kept.

    Example:
        >>> [number(x) for x in (12345.6, -0.95312, 0.9996, 0.0000123, 0, math.inf, math.nan)]
        ['12,300', '−0.953', '1.00', '1.23 × 10⁻⁵', '0', '∞', '–']
    """
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    # that of the rounded number: 0.9996 is 1.00
    exponent = int(f"{value:.{digits - 1}e}".split("e")[1])
    if not -4 <= exponent < 9:
        mantissa, power = f"{value:.{digits - 1}e}".replace("-", "−", value < 0).split("e")
        return f"{mantissa} × 10{str(int(power)).translate(_SUPERSCRIPT)}"
    places = digits - 1 - exponent
    return f"{round(value, places):,.{max(places, 0)}f}".replace("-", "−")


def ratio(value: float) -> str:
    """Write a ratio with as many digits as tell it from 1, which is where a claim begins.

    Example:
        >>> ratio(1.0032), ratio(0.99996), ratio(1.0), ratio(0.5)
        ('1.003', '0.99996', '1.00', '0.500')
    """
    digits = 3
    # 0.99996 has its first digit a place behind that of 1.0003
    while value != 1 and number(value, digits).rstrip("0") == "1." and digits < 9:
        digits += 1
    return number(value, digits)


def count(value: float) -> str:
    """Write an exact number of things, such as a budget: ``200000`` as ``200,000``."""
    return f"{value:,.0f}" if math.isfinite(value) else number(value)


def exactly(value: float) -> str:
    """Write a number in full where it is whole, as a budget of samples is; else with digits.

    Example:
        >>> exactly(12345.0), exactly(12.3456)
        ('12,345', '12.3')
    """
    return count(value) if not math.isfinite(value) or value == round(value) else number(value)


def many(value: float) -> str:
    """Write an exact number of things that may be of any size.

    Example:
        >>> many(10_000_000_000), many(10**12), many(10**30), many(float("inf"))
        ('10,000,000,000', '1,000,000,000,000', 'over 10¹⁵', 'over 10¹⁵')
    """
    return f"{value:,}" if value <= 10**15 else "over 10¹⁵"


def compact(value: float) -> str:
    """Write a tick of the samples axis shortly: ``20000`` as ``20k``.

    Example:
        >>> [compact(x) for x in (50, 2000, 20000, 3e6)]
        ['50', '2,000', '20k', '3M']
    """
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{value:,g}"


def percent(value: float) -> str:
    """Write a share as a percentage with up to one digit, rounded down: 100% is all of them.

    Example:
        >>> [percent(value) for value in (0.996, 0.99996, 0.95, 1.0)]
        ['99.6%', '99.9%', '95%', '100%']
    """
    # 1000 * 0.29 is a little less than 290
    return f"{math.floor(round(1000 * value, 6)) / 10:g}%"


def percentage(value: float) -> str:
    """Write a share that was chosen as a percentage, with all of its digits.

    Example:
        >>> percentage(0.1), percentage(0.125), percentage(0.07)
        ('10%', '12.5%', '7%')
    """
    return f"{100 * value:.12g}%"  # 100 * 0.07 is a little more than 7


def share(value: float) -> str:
    """Write a share as a percentage: ``0.95`` as ``95%``."""
    return "–" if math.isnan(value) else f"{100 * value:.0f}%"


def typed(text: str) -> int | float | str:
    """Return the number that a text writes, else the text.

    Example:
        >>> typed("20"), typed("1e-3"), typed("adam")
        (20, 0.001, 'adam')
    """
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def things(n: int, noun: str) -> str:
    """Write a number of things: ``1 row``, ``2,000 rows``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def seeds(n: int) -> str:
    """Write a number of seeds: ``1 seed``, ``20 seeds``."""
    return things(n, "seed")


def seeds_range(sizes: Collection[int]) -> str:
    """Write the least and the most of some numbers of seeds: ``2 to 20 seeds``."""
    low, high = int(min(sizes)), int(max(sizes))
    return seeds(low) if low == high else f"{low:,} to {seeds(high)}"


def sign(metric: str) -> str:
    """Return on which side of its target a metric is converged: accuracy above, losses below."""
    return "≥" if metric == "accuracy" else "≤"


def setting_name(label: Any) -> str:
    """Name a setting by its label; a single run varies nothing and has none."""
    return str(label) if str(label or "").strip() else "This setting"


def probability(p: float) -> str:
    """Write a p-value: ``0.013``, ``< 0.001``."""
    return number(p, 2) if math.isnan(p) or p >= 0.001 else "< 0.001"


def sortable(value: Any) -> str:
    """Write a value for a script that sorts by it: a number in full, nothing for none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return f"{value}"


def p_value(p: float) -> str:
    """Write a p-value with its sign: ``p = 0.013``, ``p < 0.001``."""
    text = probability(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def listing(names: Sequence[str], most: int = 4) -> str:
    """Join names as in a sentence, the last of too many only counted.

    Example:
        >>> listing(["a"]), listing(["a", "b", "c"]), listing(["a", "b", "c", "d"], most=3)
        ('a', 'a, b and c', 'a, b and 2 others')
    """
    told = list(names)
    if len(told) > most:
        told = [*told[: most - 1], f"{len(names) - most + 1:,} others"]
    return told[0] if len(told) == 1 else f"{', '.join(told[:-1])} and {told[-1]}"


def duration(seconds: float) -> str:
    """Write a time that is about so long.

    Example:
        >>> duration(0.2), duration(100), duration(10_000), duration(1e6)
        ('1 s', '2 min', '2.8 h', '11.6 days')
    """
    for unit, size, most in (("s", 1.0, 90.0), ("min", 60.0, 5400.0)):
        if seconds < most:
            return f"{max(1, round(seconds / size))} {unit}"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"
