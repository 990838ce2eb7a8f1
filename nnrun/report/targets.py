"""What counts as converged: the target of a setting, and whether all settings share it."""

from collections.abc import Mapping
from typing import Any

from nnrun.report.words import METRIC_NAMES


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


def setting_target(sweep: Mapping[str, Any], setting: str) -> Any:
    """Find the target of one setting: its own, from its config, else the sweep's."""
    configs = {s["id"]: s["config"] for s in sweep["settings"]}
    config: Mapping[str, Any] = configs.get(setting, {})
    own = {key: config.get(f"target.{key}") for key in ("metric", "value", "hold")}
    return own if is_target(own) else sweep.get("target")


def one_target(sweep: Mapping[str, Any]) -> bool:
    """Tell whether all settings share one target, so that their times can be compared."""
    targets = [setting_target(sweep, s["id"]) for s in sweep["settings"]]
    return all(target == targets[0] for target in targets[1:])


def shared_target(sweep: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Find the target that all settings share; None if they do not, or have none."""
    if not sweep["settings"] or not one_target(sweep):
        return None
    target = setting_target(sweep, sweep["settings"][0]["id"])
    return target if is_target(target) else None
