"""``python -m nnrun.cache``: what it says and what it deletes."""

import os

import pytest

from nnrun import cache as command
from nnrun.pictures.film import shoot_together
from nnrun.training.stack import Trial
from nnrun.trials.cache import Cache
from nnrun.trials.run import Tally, run_jobs
from tests.conftest import make_setting
from tests.unit.test_record import job


@pytest.fixture
def folder(tmp_path):
    """A cache of three settings with 3, 4 and 5 seeds, last used 30, 20 and 10 days ago."""
    folder = tmp_path / "cache"
    now = 1_800_000_000
    for i in range(3):
        before = set(folder.glob("*/*/*.npz"))
        list(run_jobs([job(make_setting(lr=0.1 + i), seeds=3 + i)], Tally(), Cache(folder)))
        (new,) = set(folder.glob("*/*/*.npz")) - before
        used = now - (3 - i) * 10 * 24 * 3600
        os.utime(new, (used, used))
    return folder


@pytest.fixture(autouse=True)
def today(monkeypatch):
    monkeypatch.setattr(command.time, "time", lambda: 1_800_000_000.0)


def run(capsys, *arguments):
    assert command.main([str(a) for a in arguments]) == 0
    return capsys.readouterr().out


def seeds(folder):
    return sorted(block.trials for block in command.kept(folder))


def test_it_says_what_there_is(folder, capsys):
    said = run(capsys, "--folder", folder)
    assert "12" in said
    assert "kB" in said
    assert seeds(folder) == [3, 4, 5]


def test_watched_trials_are_told_of_and_pruned_as_such(folder, capsys):
    shoot_together(
        [Trial(make_setting(lr=0.1), seed) for seed in (4, 7)], [80], cache=Cache(folder)
    )
    assert sorted((block.trials, block.films) for block in command.kept(folder)) == [
        (0, 1), (0, 1), (3, 0), (4, 0), (5, 0)
    ]  # fmt: skip
    heads, held = run(capsys, "--folder", folder).splitlines()
    assert heads.split()[-4:] == ["trials", "settings", "films", "size"]
    assert held.split()[:4] == ["held", "12", "3", "2"]
    run(capsys, "--folder", folder, "prune", "--all")
    assert not any(folder.glob("*/*"))


def test_an_empty_cache_is_no_error(tmp_path, capsys):
    assert "0 bytes" in run(capsys, "--folder", tmp_path / "none")


@pytest.mark.parametrize(
    ("option", "left"),
    [
        (["--older-than", 15], [5]),
        (["--older-than", 365], [3, 4, 5]),
        (["--all"], []),
        (["--max-size", "0"], []),
        (["--max-size", "1G"], [3, 4, 5]),
    ],
)
def test_pruning_leaves_what_it_should(folder, capsys, option, left):
    run(capsys, "--folder", folder, "prune", *option)
    assert seeds(folder) == left
    assert len(list(folder.glob("*/*"))) == len(left)


def test_the_longest_unused_go_first(folder, capsys):
    sizes = sorted(block.path.stat().st_size for block in command.kept(folder))
    run(capsys, "--folder", folder, "prune", "--max-size", sum(sizes[1:]))
    assert seeds(folder) == [4, 5]


def test_a_dry_run_deletes_nothing(folder, capsys):
    assert "would be deleted" in run(capsys, "--folder", folder, "prune", "--all", "--dry-run")
    assert seeds(folder) == [3, 4, 5]


def test_rests_of_killed_processes_go_too(folder, capsys):
    rest = next(folder.glob("*/*")) / f".{next(folder.glob('*/*/*.npz')).name}.abc_1234"
    rest.write_bytes(b"half")
    os.utime(rest, (1, 1))
    run(capsys, "--folder", folder, "prune", "--older-than", "365")
    assert not rest.exists()


def test_only_what_the_cache_has_written_is_deleted(folder, tmp_path, capsys):
    setup, elsewhere = next(folder.glob("*/*")), tmp_path / "elsewhere"
    block = next(setup.glob("*.npz"))
    mine = [
        folder / "notes.npz",
        folder / "ab" / "mine" / block.name,
        folder / "data" / setup.name / block.name,
        *(setup / name for name in (".env", ".gitignore", ".unfinished", "0-2.npz", "table.npz")),
        setup / f".{block.name}",
        setup / f".{block.name}.backup",
        setup / "inner" / block.name,
        elsewhere / setup.name / block.name,
    ]
    for path in mine:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
        os.utime(path, (1, 1))
    (folder / "cd").symlink_to(elsewhere)
    (folder / "ab" / setup.name).symlink_to(elsewhere / setup.name)
    (setup / "7-7.0123456789abcdef.npz").symlink_to(mine[0])
    run(capsys, "--folder", folder, "prune", "--all")
    assert [path.read_text() for path in mine] == ["mine"] * len(mine)
    assert seeds(folder) == []
    assert not block.exists()


@pytest.mark.parametrize("command_line", [["prune", "--all"], ["prune", "--all", "--dry-run"]])
def test_a_folder_that_is_no_cache_is_refused(command_line, tmp_path, capsys):
    path = tmp_path / "ab" / "cd" / "0-1.0123456789abcdef.npz"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert command.main(["--folder", str(tmp_path), *command_line]) == 2
    assert (
        f"error: --folder={tmp_path}: is no cache: no folder in it is named as those of a cache "
        "are (for instance outputs/cache)\n"
    ) == capsys.readouterr().err
    assert path.exists()
    assert "0 bytes" in run(capsys, "--folder", tmp_path / "none", *command_line)


def test_pruning_without_saying_what_is_refused(folder, capsys):
    assert command.main(["--folder", str(folder), "prune"]) == 2
    assert "say what to prune" in capsys.readouterr().err
    assert seeds(folder) == [3, 4, 5]
