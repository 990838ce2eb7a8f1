"""Files that others wrote or damaged: refused in a sentence, and nothing is allocated for them."""

import io
import json
import os
import socket
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nnrun.errors import InputError
from nnrun.records.archive import Array, arrays_in, read_arrays
from nnrun.records.plain import Damaged, is_itself, parse_plain, reading
from nnrun.records.record import SCHEMA_VERSION, read_record, write_record
from nnrun.records.sweep import Sweep, read_sweep
from tests.records import a_record

SHAPES = {
    "seeds": Array("i8", ("trial",)),
    "curves": Array("f8", ("trial", "evaluation")),
    "params/*/bias": Array("f8", ("trial", "1", "fan_out*")),
}
GOOD = {
    "seeds": np.array([3, 4]),
    "curves": np.ones((2, 5)),
    "params/0/bias": np.ones((2, 1, 3)),
    "params/1/bias": np.ones((2, 1, 4)),
}


def archive(arrays=GOOD, how=zipfile.ZIP_STORED, **members):
    """An archive as NumPy writes it, in which some members have other bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", how) as made:
        for name, array in arrays.items():
            inner = io.BytesIO()
            np.save(inner, array, allow_pickle=True)
            made.writestr(f"{name}.npy", members.get(name, inner.getvalue()))
    return content.getvalue()


def header(descr="<f8", shape="(2, 5)", rest=bytes(80)):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + rest


def refusal(content):
    with pytest.raises(Damaged) as caught:
        arrays_in(io.BytesIO(content), SHAPES)
    return str(caught.value)


def test_what_numpy_wrote_is_read_as_numpy_reads_it(tmp_path):
    values = np.asfortranarray(np.arange(10.0).reshape(2, 5))
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "a.npz", **{**GOOD, "curves": values, "other": np.array(["x"])})
        found = read_arrays(tmp_path / "a.npz", SHAPES)
        assert set(found) == set(GOOD)
        np.testing.assert_array_equal(found["curves"], values)
        assert all(array.flags.writeable for array in found.values())


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (archive(curves=header(shape="(1125899906842624,)")), "claims 8 PiB and holds 80 bytes"),
        (archive(curves=header(shape=f"({10**190},)")), "claims more than 1,024 PiB"),
        (archive(curves=header(shape="(3, 5)")), "'curves' claims 120 bytes and holds 80 bytes"),
        (archive(curves=header(shape="(1, 5)")), "'curves' claims 40 bytes and holds 80 bytes"),
        (archive(curves=header(shape="(-2, 5)")), "'curves' is no array of plain numbers"),
        (archive(curves=header("|O")), "'curves' is no array of plain numbers"),
        (archive(curves=header(shape=f"({'1, ' * 66}10)")), "dimension"),
        (archive(curves=header(shape="(0, " + "9" * 40 + ")", rest=b"")), "Maximum allowed d"),
        (archive(curves=b"[" * 500), "'curves' is no array of plain numbers"),
        (archive({**GOOD, "curves": np.array(3.0)}), "has the shape none, and should be trial (2)"),
        (archive({**GOOD, "curves": np.ones(2)}), "has the shape 2, and should be trial (2) x ev"),
        (archive({**GOOD, "curves": np.ones((3, 5))}), "has the shape 3 x 5, and should be trial"),
        (archive({**GOOD, "curves": np.ones((2, 5)) + 1j}), "holds complex128, not numbers"),
        (archive({**GOOD, "seeds": np.array(["a", "b"])}), "holds str32, not whole numbers"),
        (archive({**GOOD, "seeds": np.array([1.0, 2.0])}), "holds float64, not whole numbers"),
        (archive({**GOOD, "seeds": np.array([{}, {}])}), "'seeds' is no array of plain numbers"),
        (archive({"seeds": GOOD["seeds"]}), "'curves' is missing"),
        (archive({**GOOD, "params/7/bias": np.ones((2, 1, 1))}), "'params/*/bias' not all"),
        (archive() * 2, "something stands before it in the file"),
        (archive() + bytes(99), "its end is missing, or something follows it"),
        (archive()[:-1], "its end is missing"),
        (b"", "it is empty"),
        (b"hello", "it does not begin as an archive of arrays"),
        (archive(how=zipfile.ZIP_BZIP2), "is compressed as NumPy does not"),
        (archive(how=zipfile.ZIP_LZMA), "is compressed as NumPy does not"),
    ],
    ids=lambda part: part if isinstance(part, str) else "archive",  # whose bytes tell the time
)  # fmt: skip
def test_an_archive_that_is_none_is_refused_with_the_reason(content, words):
    assert words in refusal(content)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_there_twice_means_nothing():
    content = io.BytesIO(archive())
    with zipfile.ZipFile(content, "a") as made:
        made.writestr("seeds.npy", b"other")
    assert refusal(content.getvalue()) == "two arrays in it have one name"


@pytest.mark.parametrize(
    "content",
    [
        archive({**GOOD, "curves": np.zeros((2, 6_000_000))}, zipfile.ZIP_DEFLATED),
        archive(curves=header(shape="(1125899906842624,)")),
    ],
    ids=["a zip bomb", "a claim"],
)
def test_nothing_is_allocated_on_an_archive_s_word(content):
    tracemalloc.start()
    refusal(content)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2_000_000


def test_every_flipped_bit_of_what_is_read_is_seen():
    content = archive({"seeds": GOOD["seeds"], "curves": GOOD["curves"]})
    start = content.index(b"\x00\x00\x00\x00\x00\x00\xf0\x3f")  # of the ones
    for place in range(start, start + 80, 7):
        flipped = bytearray(content)
        flipped[place] ^= 4
        assert "Bad CRC-32" in refusal(bytes(flipped))


FIELDS = {"schema": int, "name?": (str, type(None)), "rows?": [{"id": str, "x?": (int, float)}]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[" * 100_000, "it is nested too deeply"),
        ("[" * 100_000 + "]" * 100_000, "it is nested too deeply"),
        ('{"schema": 1, "a": ' + "[" * 40 + "]" * 40 + "}", "it is nested too deeply"),
        ('{"schema": ' + "9" * 400 + "}", "a number in it has too many digits"),
        ('{"schema": 1, "a": [' + "9" * 20 + "]}", "a number in it has too many digits"),
        ('{"schema": ' + "9" * 5000 + "}", "it is no JSON: Exceeds the limit (4300 digits)"),
        ('{"schema": 1, "name": "\\ud800"}', "it is no UTF-8 text"),
        (b"\xff\xfe{}", "it is no UTF-8 text"),
        ("", "it is no JSON: Expecting value"),
        ("[]", "it is a list, and should be a mapping"),
        ("{}", "'schema' is missing"),
        ('{"schema": true}', "'schema' is true or false, and should be a whole number"),
        ('{"schema": 1, "name": 3}', "'name' is a whole number, and should be text or null"),
        ('{"schema": 1, "rows": {}}', "'rows' is a mapping, and should be a list"),
        ('{"schema": 1, "rows": [{"id": "a"}, {}]}', "'rows[1].id' is missing"),
        ('{"schema": 1, "rows": [{"id": "a", "x": "1"}]}', "'rows[0].x' is text, and should be a"),
    ],
    ids=range(16),
)
def test_json_that_is_not_what_it_must_be_is_refused_with_the_place(text, words):
    with pytest.raises(Damaged) as caught:
        parse_plain(text if isinstance(text, bytes) else text.encode(), FIELDS)
    assert words in str(caught.value)


def test_json_that_is_what_it_must_be_is_returned():
    text = '{"schema": 1, "name": null, "rows": [{"id": "\\ud83d\\ude00", "x": 1}], "more": [1.5]}'
    assert parse_plain(text.encode(), FIELDS) == json.loads(text)
    big = 2**63 - 1
    assert parse_plain(f'{{"schema": {big}, "id": "{"7" * 40}"}}'.encode(), FIELDS)["schema"] == big


def a_socket(path):
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "is not a readable record: it is a folder (delete it and train again"),
        (os.mkfifo, "is not a readable record: it is a pipe (delete it"),
        (a_socket, "is not a readable record: it is a socket (delete it"),
        (lambda path: path.symlink_to("/dev/zero"), "is not a readable record: it is a device"),
        (lambda path: path.symlink_to(path.name), "is a link that leads to itself (delete the"),
        (lambda path: path.symlink_to("nowhere"), "record.npz: does not exist"),
        (lambda path: None, "record.npz: does not exist"),
    ],
    ids=["folder", "pipe", "socket", "device", "loop", "dangling", "gone"],
)
def test_what_stands_in_a_file_s_place_is_named_and_never_waited_for(
    tmp_path, monkeypatch, make, words
):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "record.npz")
    with pytest.raises(InputError) as caught:
        read_record(tmp_path / "record.npz")
    assert words in str(caught.value)


@pytest.mark.parametrize("number", [1, 13])
def test_without_permission_nobody_is_told_to_delete(tmp_path, number):
    with pytest.raises(InputError) as caught, reading("record", tmp_path, "record", "delete it"):
        raise OSError(number, "Permission denied")
    said = "may not be read by this user (ask its owner for permission to read it)"
    assert str(caught.value) == f"record={tmp_path}: {said}"


def written(folder, **changes):
    """A record of which some arrays are others, and some plain values, too."""
    record = a_record("a", seeds=[3, 5])
    record.meta.update(changes.pop("meta", {}))
    path = write_record(record, folder).path
    with np.load(path) as arrays:
        content = {**arrays, **{k.replace("__", "/"): v for k, v in changes.items()}}
    np.savez(path, **content)
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seeds": np.array([3, 3])}, "is not a readable record: it has a seed twice"),
        ({"seeds": np.array([3, -1])}, "it has a negative seed"),
        ({"seeds": np.array(3)}, "'seeds' has the shape none, and should be trial"),
        ({"curves__samples": np.array([10, 10, 20])}, "its evaluations are not in order"),
        ({"curves__samples": np.array([0, 10, 20])}, "its evaluations are not in order"),
        ({"curves__test_loss": np.ones((2, 9))}, "should be trial (2) x evaluation (3)"),
        ({"outcomes__status": np.array(["won", "lost"])}, "ended in no known way"),
        ({"meta": {"config": "x"}}, "'config' is text, and should be a mapping"),
        ({"meta": {"config": {"target.value": "x"}}}, "'config.target.value' is text, and sh"),
        ({"meta": {"engine": "steam"}}, "its engine is none of compiled, lanes, reference, none"),
        ({"meta": {"samples": -5}}, "its budget is no number of samples"),
        ({"meta": {"samples": 10**400}}, "a number in it has too many digits"),
        ({"meta": {"schema": "one"}}, "'schema' is text"),
        ({"meta": {"auto": {"most": 5, "block": 0}}}, "it has no block of seeds within the most"),
    ],
    ids=str,
)
def test_a_record_that_no_training_wrote_is_refused(tmp_path, changes, words):
    with pytest.raises(InputError) as caught:
        read_record(written(tmp_path, **changes))
    said = str(caught.value)
    assert words in said
    assert "\n" not in said
    assert said.endswith("(delete it and train again: other trials are not lost)")


@pytest.mark.parametrize(("schema", "remedy"), [(2, "update nnrun"), (0, "read it with the nnrun")])
def test_another_version_is_named_and_nothing_is_to_be_deleted(tmp_path, schema, remedy):
    changes = {"schema": schema, "versions": {"nnrun": "9.8"}}
    with pytest.raises(InputError) as caught:
        read_record(written(tmp_path, meta=changes))
    rule = f"has schema {schema}, written by nnrun 9.8, and this one reads {SCHEMA_VERSION}"
    assert f"{rule} ({remedy}" in str(caught.value)
    (tmp_path / "sweep.json").write_text(json.dumps({"schema": 1, "status": "complete", **changes}))
    with pytest.raises(InputError, match=f"sweep.json: {rule}"):
        read_sweep(tmp_path)


def test_an_account_of_a_sweep_under_way_is_read_back(tmp_path):
    Sweep("running", "x", ["lr=1"], versions={"nnrun": "1"}).write(tmp_path)
    found = read_sweep(tmp_path)
    assert found is not None
    assert (found.status, found.name, found.overrides) == ("running", "x", ["lr=1"])
    assert not {"looks", "auto"} & found.to_facts().keys()


def test_at_how_many_seeds_a_sweep_was_looked_at_is_read_back(tmp_path):
    auto = {"most": 100, "block": 10}
    Sweep("complete", looks=[10, 20, 25], auto=auto).write(tmp_path)
    found = read_sweep(tmp_path)
    assert (found.looks, found.auto) == ([10, 20, 25], auto)


SETTINGS = [{"id": "a", "label": "lr=1", "config": {}}]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": "a"}, "'settings' is text, and should be a list"),
        ({"settings": [{"id": 3}]}, "'settings[0].id' is a whole number, and should be text"),
        ({"settings": SETTINGS * 2}, "'settings' has one twice"),
        ({"status": 5}, "'status' is a whole number, and should be text"),
        ({"status": "happy"}, "'status' is none of complete, failed"),
        (
            {"tuning": {"seeds": [1, 10**18, 3], "rows": []}},
            "'seeds' are not a first and",
        ),
        ({"common_grid": {"samples": [0], "apart": 0.0}}, "'common_grid.samples' are no numbers"),
        (
            {"common_grid": {"samples": [1], "apart": 0, "one_in": 0}},
            "'common_grid.one_in' is below",
        ),
        ({"looks": [10, 20, 20]}, "'looks' are no ascending numbers of seeds"),
        ({"looks": [0, 10]}, "'looks' are no ascending numbers of seeds"),
        ({"auto": {"most": 9, "block": 10}}, "'auto' has no block of seeds within the most"),
        ({"auto": {"most": 9}}, "'auto.block' is missing"),
        ({"tracking": {"settings": []}}, "'tracking.settings' is a list, and should be a mapping"),
    ],
    ids=str,
)
def test_an_account_of_a_sweep_is_held_against_what_it_must_say(tmp_path, changes, words):
    assert read_sweep(tmp_path) is None
    (tmp_path / "sweep.json").write_text(json.dumps({"schema": 1, "status": "complete", **changes}))
    with pytest.raises(InputError) as caught:
        read_sweep(tmp_path)
    said = str(caught.value)
    assert f"sweep.json: is not a readable account of a sweep: {words}" in said
    assert said.endswith(f"(python -m nnrun.report {tmp_path} writes it anew from the records)")


def test_what_links_lead_to_is_not_a_folder_s_own(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "a.svg").touch()
    assert is_itself(tmp_path / "figures")
    (tmp_path / "figures" / "b.svg").symlink_to("/etc/passwd")
    assert not is_itself(tmp_path / "figures")
    assert not is_itself(tmp_path / "figures" / "b.svg")
    assert not is_itself(tmp_path / "nothing")
