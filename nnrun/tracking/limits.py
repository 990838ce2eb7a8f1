"""What MLflow takes of a thing at most, and what its pages have use for."""

CURVE_POINTS, FEWEST_POINTS = 100, 12
"""Most points a curve keeps, and in the largest sweeps."""

SHARED_POINTS = 6000
"""Points a curve, over all settings of a sweep: a point costs MLflow about 60 µs of Python."""

METRICS_PER_CALL, PARAMS_PER_CALL = 1000, 100
KEY_LENGTH, PARAM_LENGTH, TAG_LENGTH, SOURCE_LENGTH = 250, 6000, 8000, 65_000
NAME_LENGTH, DATASET_LENGTH, SCHEMA_LENGTH = 250, 500, 1_000_000


def curve_length(settings: int) -> int:
    """Choose how many points a curve keeps in a sweep of so many settings.

    MLflow's pages draw ten runs at first; the tables and the report keep every evaluation.

    Example:
        >>> [curve_length(settings) for settings in (1, 100, 300, 1000)]
        [100, 60, 20, 12]
    """
    return max(FEWEST_POINTS, min(CURVE_POINTS, SHARED_POINTS // max(settings, 1)))


def cut(text: str, limit: int) -> str:
    """Shorten a text to ``limit`` characters, ending in dots where something was lost."""
    return text if len(text) <= limit else text[: limit - 3] + "..."
