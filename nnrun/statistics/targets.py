"""What counts as converged: the target of a setting, and whether all settings share it."""

from collections.abc import Mapping
from typing import Any

from nnrun.config.evaluation_grid import CommonGrid
from nnrun.config.settings import Target
from nnrun.records.sweep import Sweep
from nnrun.text import METRIC_NAMES, sign, things


def target_text(target: Any) -> str:
    """Say what counts as converged, for instance ``accuracy ≥ 0.95``."""
    if not is_target(target):
        return "its target"
    name = METRIC_NAMES.get(str(target["metric"]), str(target["metric"]))
    return f"{name} {sign(str(target['metric']))} {target['value']:g}"


def is_target(target: Any) -> bool:
    """Tell whether this is one target, rather than several or none."""
    return isinstance(target, Mapping) and all(
        isinstance(target.get(key), kind) for key, kind in (("metric", str), ("value", int | float))
    )


def targets(sweep: Sweep) -> dict[str, Any]:
    """Find the target of each setting: its own, from its config, else the sweep's."""
    found = {}
    for setting in sweep.settings:
        config = setting.config
        own = {key: config.get(f"target.{key}") for key in ("metric", "value", "hold")}
        found[setting.id] = own if is_target(own) else sweep.target
    return found


def holds(sweep: Sweep) -> dict[str, int]:
    """Find how many evaluations in a row count as holding, by setting."""
    found = {}
    for setting, target in targets(sweep).items():
        own = target.get("hold") if isinstance(target, Mapping) else None
        found[setting] = int(own or Target.hold)
    return found


def judged_on(sweep: Sweep) -> CommonGrid | None:
    """Find the points at which settings of differing evaluations are judged.

    Returns:
        None where each setting is judged on its own grid: because all share one, or because they
        share so few points that a target could not be seen to hold there.
    """
    common = CommonGrid.from_facts(sweep.common_grid)
    return None if common is None or _too_few(common, sweep) else common


def not_comparable(sweep: Sweep) -> str:
    """Say why the times of a sweep's settings cannot be compared; empty if they can."""
    if not one_target(sweep):
        return "the settings have different targets"
    common = CommonGrid.from_facts(sweep.common_grid)
    if common is not None and _too_few(common, sweep):
        points = things(len(common.samples), "point")
        most = max(holds(sweep).values())
        return f"their evaluations have {points} in common, and a target must hold at {most}"
    return ""


def _too_few(common: CommonGrid, sweep: Sweep) -> bool:
    return len(common.samples) < max(holds(sweep).values(), default=1)


def one_target(sweep: Sweep) -> bool:
    """Tell whether all settings share one target, so that their times can be compared."""
    found = list(targets(sweep).values())
    return all(target == found[0] for target in found)


def shared_target(sweep: Sweep) -> Mapping[str, Any] | None:
    """Find the target that all settings share; None if they do not, or have none."""
    found = list(targets(sweep).values())
    return found[0] if found and one_target(sweep) and is_target(found[0]) else None
