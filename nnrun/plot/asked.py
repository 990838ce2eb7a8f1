"""What a figure for a notebook was asked for: its findings, its axis, its settings."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from nnrun.errors import InputError, Issue, did_you_mean
from nnrun.plot.facets import Layout, one_panel
from nnrun.plot.styles import LINE_STYLES, styles
from nnrun.results import Results
from nnrun.statistics.findings import Findings
from nnrun.words import setting_name

Found = Results | Findings
"""Either does: findings hold what several figures would else compute again."""


def findings(results: Found) -> Findings:
    """Take findings as they are, and make them of results."""
    return results if isinstance(results, Findings) else Findings.of(results)


def axis(ax: Axes | None, height: float = 3.0) -> Axes:
    """Take the axis given, else pyplot's current one, in a figure that makes room for words."""
    if ax is not None:
        return ax
    from matplotlib import pyplot

    if not pyplot.get_fignums():
        pyplot.figure(figsize=(7.2, height + 1.6), layout="constrained")
    return pyplot.gca()


def chosen(found: Findings, settings: Sequence[str] | None) -> Layout:
    """Lay out the settings asked for, by id or label, or those of one panel of a report."""
    summary = found.summary[found.summary["seeds"] > 0]
    if summary.empty:
        raise InputError(Issue("results", None, "no setting was trained", ""))
    if settings is None:
        return one_panel(found.summary)
    ids = {
        str(label): str(s) for s, label in zip(summary["setting"], summary["label"], strict=True)
    }
    ids |= {s: s for s in ids.values()}
    unknown = [name for name in settings if name not in ids]
    if unknown:
        hint = did_you_mean(unknown[0], ids)
        raise InputError(Issue("settings", unknown[0], "is no trained setting", hint))
    chosen = list(dict.fromkeys(ids[name] for name in settings))
    if not 0 < len(chosen) <= len(LINE_STYLES):
        rule = f"between 1 and {len(LINE_STYLES)} can be told apart"
        raise InputError(Issue("settings", len(chosen), rule, ""))
    about = summary.set_index("setting")["label"]
    labels = {s: setting_name(about[s]) for s in chosen}
    return Layout({"": tuple(chosen)}, styles(chosen), labels)
