"""Commands on damaged folders: one line with the file and what helps, and the others go on."""

import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import nnrun
from nnrun.errors import InputError
from nnrun.launch.finish import rebuild
from nnrun.launch.sources import read_sources
from nnrun.layout import CURVES, SUMMARY, TRIALS
from nnrun.model import load_network
from nnrun.records.continued import find_state
from nnrun.records.networks import read_networks
from nnrun.records.record import read_record, read_records, write_record
from nnrun.records.sweep import SWEEP
from nnrun.report.index import entries as index_entries
from nnrun.results.tabulate import tabulate
from nnrun.sync import main as sync
from nnrun.trials.cache import Cache, Entry, setup
from tests.conftest import make_setting
from tests.records import a_record, by_setting, changed, described, told
from tests.unit.test_cache import blocks, launch, trained
from tests.unit.test_record import job, records


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A sweep of two settings, with tables."""
    folder = tmp_path_factory.mktemp("sweep")
    for number, lr in enumerate((0.1, 0.2)):
        (folder / str(number)).mkdir()
        record = a_record(f"s{number}", lr, number=number)
        write_record(record, folder / str(number))
    heads = read_records(folder.glob("*/record.npz"), "head")
    facts = described({head.meta["setting"]: head.meta["config"] for head in heads})
    (folder / SWEEP).write_text(json.dumps(told(facts)))
    tabulate(by_setting(heads), facts, folder)
    return folder


@pytest.fixture
def sweep(finished, tmp_path):
    """A copy that may be damaged."""
    return shutil.copytree(finished, tmp_path / "sweep")


def said(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def change(path, how):
    table = pd.read_parquet(path)
    how(table).to_parquet(path, index=False)


def test_what_is_whole_is_loaded(sweep):
    found = nnrun.load(sweep)
    assert len(found.trials) == 6
    assert found.varying == ["optimizer.lr"]


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        (TRIALS, lambda p: p.write_bytes(p.read_bytes()[:-20]), "Parquet magic bytes not found"),
        (TRIALS, lambda p: p.write_bytes(b""), "Parquet file size is 0 bytes"),
        (TRIALS, lambda p: change(p, lambda t: t.drop(columns="seed")), "no column 'seed'"),
        (
            TRIALS,
            lambda p: change(p, lambda t: t.drop(columns="optimizer.lr")),
            "no column 'optimizer.lr'",
        ),
        (TRIALS, lambda p: change(p, lambda t: t.assign(seed=1.5)), "'seed' holds float64"),
        (TRIALS, lambda p: change(p, lambda t: t.assign(setting="z")), "settings that sweep.json"),
        (CURVES, lambda p: change(p, lambda t: t.assign(accuracy=[[1]] * len(t))), "'accuracy' ho"),
        (CURVES, lambda p: shutil.copy(p.with_name(TRIALS), p), "it has no column 'samples'"),
        (SUMMARY, lambda p: p.write_text(p.read_text().replace(",3,", ",2,", 1)), "other seeds"),
        (SUMMARY, lambda p: p.write_text(""), "No columns to parse"),
        (SUMMARY, lambda p: p.write_bytes(b"\xff\xfe\x00,"), "codec can't decode"),
        (SUMMARY, lambda p: p.write_text('setting,label\n"a'), "EOF inside string"),
    ],
    ids=range(12),
)
def test_a_damaged_table_is_named_with_what_writes_it_anew(sweep, name, damage, words):
    damage(sweep / name)
    text = said(lambda path: nnrun.load(path).curves, sweep)
    assert text.startswith(f"path={sweep / name}: is not a readable table: ")
    assert words in text
    assert text.endswith(f"(python -m nnrun.report {sweep} writes it anew from the records)")


def test_a_flipped_bit_of_a_table_is_seen(sweep):
    whole = (sweep / TRIALS).read_bytes()
    place = whole.index(np.float64(1000).tobytes())  # a time to target
    (sweep / TRIALS).write_bytes(whole[:place] + b"\x01" + whole[place + 1 :])
    assert "is not a readable table" in said(nnrun.load, sweep)


def test_a_table_is_not_unfolded_on_its_word(sweep):
    pd.DataFrame({"seed": np.zeros(3_000_000, np.int8)}).to_parquet(sweep / TRIALS)
    size = (sweep / TRIALS).stat().st_size
    assert f"it claims 3,000,000 rows in {size:,} bytes" in said(nnrun.load, sweep)


def test_an_account_that_says_less_than_results_need_is_not_loaded(sweep):
    facts = json.loads((sweep / SWEEP).read_text())
    del facts["varying"]
    (sweep / SWEEP).write_text(json.dumps(facts))
    assert "'varying' is missing" in said(nnrun.load, sweep)


def test_a_damaged_record_or_sweep_json_is_a_note_and_the_others_are_used(sweep):
    record = sweep / "0" / "record.npz"
    record.write_bytes(record.read_bytes() * 2)
    (sweep / SWEEP).write_text("[" * 100_000)
    notes: list[str] = []
    (source,) = read_sources([sweep], notes)
    assert [head.meta["setting"] for head in source.heads] == ["s1"]
    assert notes == [
        f"The record {record} is not a readable record: something stands before it in the file; "
        "it is left out.",
        f"{sweep / SWEEP} is not a readable account of a sweep: it is nested too deeply; "
        "how the sweep was run is not known.",
    ]


def test_records_of_one_setting_with_other_evaluations_are_bad_input(sweep):
    record = read_record(sweep / "0" / "record.npz")
    curves = record.trials.curves._replace(samples=record.samples + 1)
    (sweep / "2").mkdir()
    other = changed(record, curves=curves)
    other.meta["number"] = 2
    write_record(other, sweep / "2")
    heads = read_records(sweep.glob("*/record.npz"), "head")
    facts = described({head.meta["setting"]: head.meta["config"] for head in heads})
    assert "has records of different evaluations" in said(tabulate, by_setting(heads), facts, sweep)


def test_an_out_folder_whose_account_cannot_be_read_is_not_written_over(sweep, finished):
    (sweep / SWEEP).write_text("{")
    for path in sweep.glob("*/record.npz"):
        path.unlink()
    text = said(lambda: rebuild([finished], out=sweep))
    assert "holds the results of another run or sweep" in text


def test_sync_goes_on_with_the_next_folder(sweep, finished, tmp_path, capsys):
    (sweep / SWEEP).write_text('{"schema": 1, "status": 5}')
    other = shutil.copytree(finished, tmp_path / "other")
    whole = (other / "1" / "record.npz").read_bytes()
    place = whole.index(np.float64(0.5).tobytes())
    (other / "1" / "record.npz").write_bytes(whole[:place] + b"\x01" + whole[place + 1 :])
    assert sync([str(sweep), str(other), str(tmp_path / "none")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert (
        "sweep.json: is not a readable account of a sweep: 'status' is a whole number" in lines[0]
    )
    assert "record.npz: is not a readable record: Bad CRC-32 for file" in lines[1]
    assert lines[2] == f"error: path={tmp_path / 'none'}: is no folder"


def test_the_index_counts_seeds_without_listing_them(sweep, tmp_path):
    home = tmp_path / "outputs" / "sweeps" / "a"
    shutil.copytree(sweep, home)
    spans = [[0, 10**18 - 1], [10**17, 10**18 + 9], [0, 5]]
    jobs = [
        {"number": i, "overrides": [], "setting": "s0", "status": "complete", "seeds": span}
        for i, span in enumerate(spans)
    ]
    facts = json.loads((sweep / SWEEP).read_text())
    (home / SWEEP).write_text(json.dumps({**facts, "jobs": jobs}))
    (entry,) = index_entries(tmp_path / "outputs")
    assert entry.seeds == "1,000,000,000,000,000,010"


# The cache


def test_a_name_that_claims_a_quintillion_seeds_costs_nothing(tmp_path):
    setting = make_setting()
    launch(Cache(tmp_path), job(setting))
    (path,) = blocks(tmp_path)
    shutil.copy(path, path.with_name(path.name.replace("0-2", "0-999999999999999999")))
    cache, began = Cache(tmp_path), time.monotonic()
    assert cache.held(setting, "compiled", range(5)) == 3
    _, cost = launch(cache, job(setting))
    assert time.monotonic() - began < 5
    assert trained(cost) == 0 or cache.complaints
    assert Entry.of(Path("5-2.00.npz")) is None
    assert Entry.of(Path(f"0-{2**63}.00.npz")) is None


def test_many_damaged_blocks_are_one_note(tmp_path):
    settings = [make_setting(lr=lr) for lr in (0.1, 0.2, 0.3)]
    launch(Cache(tmp_path), *map(job, settings))
    for path in blocks(tmp_path):
        path.write_bytes(b"damaged")
    cache = Cache(tmp_path)
    _, cost = launch(cache, *map(job, settings))
    assert trained(cost) == 9
    (note,) = cache.complaints
    assert note.startswith("3 damaged files of trained trials were deleted, the first: ")
    assert launch(Cache(tmp_path), *map(job, settings))[1].cached == 9


def test_what_stands_in_a_block_s_place_is_a_miss(tmp_path):
    setting = make_setting()
    place = tmp_path / setup(setting, "compiled").place
    place.mkdir(parents=True)
    os.mkfifo(place / f"0-0.{'0' * 16}.npz")
    (place / f"0-1.{'0' * 16}.npz").symlink_to(f"0-1.{'0' * 16}.npz")
    (place / f"0-2.{'0' * 16}.npz").symlink_to("/dev/zero")
    cache = Cache(tmp_path)
    _, cost = launch(cache, job(setting))
    assert (trained(cost), cache.complaints) == (3, [])
    assert launch(Cache(tmp_path), job(setting))[1].cached == 3


# Networks


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    """A saved network as the content of its JSON file."""
    folder = tmp_path_factory.mktemp("run")
    (record,) = records(job(make_setting(budget=20, evals=2), seeds=1))
    write_record(record, folder)
    path = load_network(folder).save(folder / "net.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"activations": []}, "names 0 activations, and has 3"),
        ({"outputs": ["a", "b"]}, "names 2 outputs, and has 1"),
        ({"inputs": ["x"]}, "names other inputs of its features than of its data"),
        ({"task": "guess"}, "does not say what its network is: 'guess' is not a valid Task"),
        ({"seed": "x"}, "'seed' is text, and should be a whole number or null"),
        ({"seed": 10**400}, "a number in it has too many digits"),
        ({"boundary": [0]}, "'boundary' is a list"),
        ({"features": 3}, "'features' is a whole number, and should be a mapping"),
        ({"encoder": {"columns": 3}}, "'encoder.columns' is a whole number, and should be a list"),
        ({"layers": [{"weights": 3, "bias": [1]}]}, "'layers[0].weights' is a whole number"),
        ({"layers": [{"weights": [3], "bias": [1]}]}, "'layers[0].weights[0]' is a whole number"),
        ({"layers": [{"weights": [[1], [2, 3]], "bias": [1]}]}, "weights of layer 1 are ragged"),
        ({"layers": [{"weights": [["1"]], "bias": [1]}]}, "holds str32, not numbers"),
        ({"layers": [{"weights": [[None]], "bias": [1]}]}, "holds object, not numbers"),
        ({"layers": []}, "has no layers in it"),
    ],
    ids=str,
)
def test_a_network_that_contradicts_itself_is_refused(tmp_path, network, changes, words):
    path = tmp_path / "net.json"
    path.write_text(json.dumps({**network, **changes}))
    text = said(load_network, path)
    assert text.startswith(f"path={path}: ")
    assert words in text


def test_a_network_that_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "net.npz")
    assert "is not a readable network: it is a pipe" in said(read_networks, tmp_path / "net.npz")
    (tmp_path / "loop.json").symlink_to("loop.json")
    assert "is a link that leads to itself" in said(read_networks, tmp_path / "loop.json")
    assert "is a link that leads to itself" in said(find_state, str(tmp_path / "loop.json"), {})


def test_a_record_without_trials_has_no_network(tmp_path):
    path = tmp_path / "net.npz"
    weights, bias = np.empty((0, 2, 1)), np.empty((0, 1, 1))
    arrays = {"params/0/weights": weights, "params/0/bias": bias}
    np.savez(path, seeds=np.empty(0, np.int64), **arrays)
    assert "has no layers in it" in said(read_networks, path)


def test_a_damaged_record_is_linesonly_where_no_other_can_be_continued(tmp_path):
    for number in range(2):
        (tmp_path / str(number)).mkdir()
        (record,) = records(job(make_setting(keep_state=True), seeds=1))
        write_record(record, tmp_path / str(number))
    (tmp_path / "0" / "record.npz").write_bytes(b"PK")
    config = {**record.meta["config"], "lr": 9.0}
    text = said(find_state, str(tmp_path), config)
    assert text.startswith(f"continue_from={tmp_path / '0' / 'record.npz'}: is not a readable rec")
    assert find_state(str(tmp_path), record.meta["config"]).seeds.tolist() == [0]


def test_a_record_that_says_no_budget_cannot_be_continued(tmp_path):
    (record,) = records(job(make_setting(keep_state=True), seeds=1))
    wanted = dict(record.meta["config"])
    for value, words in ((None, "'config.budget' is null"), (..., "'config.budget' is missing")):
        config = {**wanted, "budget": value}
        config = {key: value for key, value in config.items() if value is not ...}
        path = write_record(replace(record, meta={**record.meta, "config": config}), tmp_path).path
        text = said(find_state, str(tmp_path), wanted)
        assert text.startswith(f"continue_from={path}: is not a readable record: {words}")
