"""Machine code: kept where nobody else may write, the same at every level."""

import ctypes
import os
from pathlib import Path

import numpy as np
import pytest

from nnrun.training.compiled import machine
from nnrun.training.compiled.emit import Code, Memory, function, module


def test_kernels_are_cached_where_this_user_may_write(tmp_path, monkeypatch):
    monkeypatch.delenv("NNRUN_KERNELS", raising=False)
    monkeypatch.setattr(machine, "user_cache_path", lambda name: tmp_path / "home" / name)
    assert machine.kept_in.__wrapped__().is_relative_to(tmp_path / "home")
    (tmp_path / "file").touch()
    monkeypatch.setattr(machine, "user_cache_path", lambda name: tmp_path / "file" / name)
    monkeypatch.setattr(machine.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    assert machine.kept_in.__wrapped__().is_relative_to(tmp_path / "temporary")


@pytest.fixture
def homes(tmp_path, monkeypatch):
    """A folder that the user chose, the usual one, and that for temporary files."""
    folders = [tmp_path / name for name in ("chosen", "usual", "temporary")]
    for folder in folders:
        folder.mkdir(mode=0o700)
    monkeypatch.setenv("NNRUN_KERNELS", str(folders[0]))
    monkeypatch.setattr(machine, "user_cache_path", lambda name: folders[1])
    monkeypatch.setattr(machine.tempfile, "tempdir", str(folders[2]))
    return folders


def test_kernels_are_never_loaded_from_a_folder_that_another_user_may_write(
    homes, monkeypatch, capsys
):
    chosen, usual, temporary = homes
    assert machine.kept_in.__wrapped__().parent == chosen
    assert machine.kept_in.__wrapped__().stat().st_mode & 0o777 == 0o700
    chosen.chmod(0o777)
    assert machine.kept_in.__wrapped__().parent == usual
    usual.chmod(0o770)
    monkeypatch.setattr(machine, "_is_own_group", lambda number: False)
    assert machine.kept_in.__wrapped__().parent == temporary / f"nnrun-{os.getuid()}"
    temporary.chmod(0o1777)  # as /tmp is
    assert machine.kept_in.__wrapped__().parent == temporary / f"nnrun-{os.getuid()}"
    temporary.chmod(0o777)  # others may put their own folder into its place
    capsys.readouterr()
    own = machine.kept_in.__wrapped__()
    assert capsys.readouterr().err == (
        "note: kernels are compiled anew by each process: "
        f"all may write into {temporary}; NNRUN_KERNELS names a folder of your own\n"
    )
    assert (own.parent, own.stat().st_mode & 0o777) == (temporary, 0o700)
    assert not list(own.iterdir())
    assert own != machine.kept_in.__wrapped__()


def test_a_folder_with_files_of_others_or_below_one_of_theirs_is_open_to_them(homes, monkeypatch):
    folder = homes[1] / "compiled"
    folder.mkdir()
    (folder / "a.o").touch()
    assert machine.open_to_others(folder) == ""
    stat = Path.stat

    def strange(name):
        def told(path, **options):
            found = list(stat(path, **options))
            found[4] = 4711 if path.name == name else found[4]
            return os.stat_result(found)

        return told

    for name in ("a.o", "compiled", "usual"):
        with monkeypatch.context() as patch:
            patch.setattr(Path, "stat", strange(name))
            patch.setattr(Path, "lstat", lambda path: path.stat(follow_symlinks=False))
            assert machine.open_to_others(folder).endswith(f"{name} is another user's")
    link = homes[2] / "link"
    link.symlink_to(folder)
    folder.chmod(0o707)
    assert machine.open_to_others(link) == f"all may write into {folder}"


def doubling(width):
    code = Code(width, unroll=True)
    rows = Memory(code, "%p")
    rows.put([0], rows.rows([0]) * 2.0)
    return module(width, [function("doubled", code, "ptr %p", flush=False)], flush=False)


def call(folder, level=2):
    raw = np.zeros(24)
    row = raw[-raw.ctypes.data % 64 // 8 :][:8]
    row[:] = np.arange(8)
    found = machine.compiled(doubling(8), ["doubled"], folder, level)
    found.of("doubled", ctypes.c_void_p)(row.ctypes.data)
    return row.tolist()


def test_code_is_translated_once_and_a_damaged_file_is_replaced(tmp_path, monkeypatch):
    wanted = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]
    assert call(None) == call(tmp_path) == wanted
    (kept,) = tmp_path.iterdir()
    content = kept.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(machine, "_target", lambda level: pytest.fail("translated again"))
        assert machine._kept(kept) == content[32:]
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert call(tmp_path) == wanted
    assert kept.read_bytes() == content


@pytest.mark.parametrize("level", range(4))
def test_every_level_of_code_generation_gives_the_same(level):
    assert call(None, level) == call(None)
