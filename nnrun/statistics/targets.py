"""What counts as converged: the target of a setting, and whether all settings share it."""

from collections.abc import Mapping
from typing import Any

from nnrun.words import METRIC_NAMES


def target_text(target: Any) -> str:
    """Say what counts as converged, for instance ``accuracy ≥ 0.95``."""
    if not is_target(target):
        return "its target"
    sign = "≥" if target["metric"] == "accuracy" else "≤"
    name = METRIC_NAMES.get(str(target["metric"]), str(target["metric"]))
    return f"{name} {sign} {target['value']:g}"


def is_target(target: Any) -> bool:
    """Tell whether this is one target, rather than several or none."""
    return isinstance(target, Mapping) and all(
        isinstance(target.get(key), kind) for key, kind in (("metric", str), ("value", int | float))
    )


def targets(sweep: Mapping[str, Any]) -> dict[str, Any]:
    """Find the target of each setting: its own, from its config, else the sweep's."""
    found = {}
    for setting in sweep["settings"]:
        config = setting["config"]
        own = {key: config.get(f"target.{key}") for key in ("metric", "value", "hold")}
        found[setting["id"]] = own if is_target(own) else sweep.get("target")
    return found


def one_target(sweep: Mapping[str, Any]) -> bool:
    """Tell whether all settings share one target, so that their times can be compared."""
    found = list(targets(sweep).values())
    return all(target == found[0] for target in found)


def shared_target(sweep: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find the target that all settings share; None if they do not, or have none."""
    found = list(targets(sweep).values())
    if not found or any(target != found[0] for target in found):
        return None
    return found[0] if is_target(found[0]) else None
