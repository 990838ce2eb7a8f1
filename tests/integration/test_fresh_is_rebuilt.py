"""A fresh sweep and a report made anew of its records are the same files, byte for byte."""

from pathlib import Path

import pytest

from tests.forked import SERVER
from tests.integration.conftest import ended


def below(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ["lr=0.1,0.3", "network.hidden=[2],[3]", "seeds=6", "report.within=lr"],
        ["lr=0.1,0.3", "sweep.tune={batch_size:[1,2]}", "sweep.tune_seeds=2", "seeds=3"],
        ["budget=2000,3000", "seeds=5"],
    ],
    ids=["grid", "tuned", "other-grids"],
)
def test_a_report_right_after_a_sweep_changes_no_byte(words: list[str], tmp_path: Path) -> None:
    small = ["budget=3000"] if not words[0].startswith("budget") else []
    ended(SERVER.start("-m", *words, *small, "tracking=off", "hydra.sweep.dir=s", cwd=tmp_path), 0)
    before = below(tmp_path / "s")
    assert "report.html" in before
    ended(SERVER.start("s", cwd=tmp_path, module="nnrun.report"), 0)
    assert below(tmp_path / "s") == before
