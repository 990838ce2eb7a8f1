"""Which settings are drawn together: all in one panel, small multiples, or a telling few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.plot.style import LINE_STYLES, LineStyle, styles
from nnrun.records.sweep import Sweep
from nnrun.statistics.factors import levels, names
from nnrun.statistics.summary import SHOWN, shown
from nnrun.text import setting_name

MOST_PANELS = 6


@dataclass(frozen=True)
class Layout:
    """Which settings stand in which panel, and how each is drawn, in every figure alike.

    Attributes:
        panels: By title the settings of a panel, in order; a lone panel has no title.
        line_styles: How each setting is drawn, panel by panel. Over all panels equal levels of
            the keys that remain look alike.
        labels: What a setting's line is called: in one panel by its label, in several by what
            the panel's title does not say.
        key: The dotted key that tells the panels apart; None for one panel.
        left_out: How many trained settings are in no panel.
    """

    panels: Mapping[str, tuple[str, ...]]
    line_styles: Mapping[str, LineStyle]
    labels: Mapping[str, str]
    key: str | None = None
    left_out: int = 0

    @property
    def legend(self) -> dict[str, LineStyle]:
        """The distinct names of lines, in the order of the palette; none of a lone line."""
        if len(set(self.line_styles.values())) < 2:
            return {}
        named = {self.labels[s]: style for s, style in self.line_styles.items()}
        return dict(sorted(named.items(), key=lambda pair: LINE_STYLES.index(pair[1])))


def layout(summary: pd.DataFrame, sweep: Sweep, facet: str | None = None) -> Layout:
    """Decide which settings are drawn together.

    Up to eight settings share one panel. Of more, the factor is sought whose levels make the
    fewest panels, six at most, with eight lines or fewer in each. Without one, a panel shows the
    selection of `nnrun.statistics.summary.shown`.

    Raises:
        InputError: If ``facet`` is no factor, or would leave too many lines in a panel.
    """
    trained = [str(s) for s in summary.loc[summary["seeds"] > 0, "setting"]]
    if facet is not None:
        return _asked(trained, sweep, facet)
    if len(trained) > SHOWN:
        found = [_faceted(trained, sweep, key) for key in names(sweep)]
        fitting = [one for one in found if one and len(one.panels) <= MOST_PANELS]
        if fitting:
            return min(fitting, key=lambda one: len(one.panels))
    return one_panel(summary)


def one_panel(summary: pd.DataFrame) -> Layout:
    """Put all settings into one panel, or of more than eight a selection."""
    chosen, about = shown(summary), summary.set_index("setting")["label"]
    labels = {name: setting_name(about[name]) for name in chosen}
    left_out = int((summary["seeds"] > 0).sum()) - len(chosen)
    return Layout({"": tuple(chosen)}, styles(chosen), labels, left_out=left_out)


def _asked(trained: Sequence[str], sweep: Sweep, facet: str) -> Layout:
    """Make a panel of each level of the factor that was asked for."""
    said = names(sweep)
    key = facet if facet in said else {name: key for key, name in said.items()}.get(facet)
    if key is None:
        hint = did_you_mean(facet, said.values()) if said else "nothing varies but the seed"
        raise InputError(Issue("facet", facet, "is not a key that varies", hint))
    found = _faceted(trained, sweep, key)
    if found is None:
        rule = f"leaves more than {SHOWN} lines to a panel, or two that no other key tells apart"
        raise InputError(Issue("facet", facet, rule, "leave facet out, or name another key"))
    return found


def _faceted(trained: Sequence[str], sweep: Sweep, key: str) -> Layout | None:
    """Make a panel of each level of a factor; None if its lines could not be told apart."""
    said, table = names(sweep), levels(sweep).loc[list(trained)]
    others = [other for other in said if other != key]
    rest = {
        setting: " ".join(f"{said[o]}={row[o]}" for o in others)
        for setting, row in table.to_dict("index").items()
    }
    lines = list(dict.fromkeys(rest.values()))
    titles = {setting: f"{said[key]}={level}" for setting, level in table[key].items()}
    if len(lines) > SHOWN or len(set(zip(titles.values(), rest.values(), strict=True))) < len(rest):
        return None
    looks = styles(lines)
    panels: dict[str, tuple[str, ...]] = {}
    for setting, title in titles.items():
        panels[title] = (*panels.get(title, ()), str(setting))
    drawn = [setting for panel in panels.values() for setting in panel]
    labels = {setting: rest[setting] or titles[setting] for setting in drawn}
    return Layout(panels, {s: looks[rest[s]] for s in drawn}, labels, key)
