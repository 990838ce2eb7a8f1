"""Folders of strangers through every command that reads one: nothing of them runs or leaves.

No module that they name is imported, no program starts, no file outside the folder changes, nothing
outside is copied into it, and no host is asked.
"""

import json
import pickle
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, nullcontext
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import nnrun
from nnrun import cache, sync
from nnrun.config.read import read
from nnrun.errors import InputError
from nnrun.layout import write_text
from nnrun.model import __main__ as model
from nnrun.pictures import __main__ as pictures
from nnrun.plot.layout import layout
from nnrun.records.continued import find_state
from nnrun.records.saved import Saved
from nnrun.report import __main__ as report
from nnrun.report.figures import Drawn
from nnrun.report.index import write_index
from nnrun.ui import choose
from tests.integration.test_every_entry import USUAL, train_into
from tests.unit.test_validate import config

CANARY = "import pathlib; pathlib.Path({!r}).touch()\n"
SECRET = "geheimnis"
PASSWORD = "passwort"


@dataclass
class Place:
    """Where a stranger's folder is tried.

    Attributes:
        home: Of everything: the working directory ``here``, the folder, and what must stay.
        folder: The stranger's, a run; it was sound.
        outside: A folder with a user's own files.
        address: Of a server that must not be asked.
        asked: What it was asked nevertheless.
    """

    home: Path
    folder: Path
    outside: Path
    address: str
    asked: list[str]

    @property
    def meta(self) -> dict[str, Any]:
        with np.load(self.folder / "record.npz") as file:
            return json.loads(file["meta"].tobytes())

    def tell(self, **changes: Any) -> None:
        """Change what the record says, or with a dotted name what is within."""
        with np.load(self.folder / "record.npz") as file:
            arrays = dict(file)
        meta = json.loads(arrays["meta"].tobytes())
        _changed(meta, changes)
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
        np.savez(self.folder / "record.npz", **arrays)

    def facts(self, **changes: Any) -> None:
        """Change what sweep.json says."""
        path = self.folder / "sweep.json"
        facts = json.loads(path.read_text())
        _changed(facts, changes)
        path.write_text(json.dumps(facts))

    def note(self, text: str) -> None:
        """Write what Hydra would have noted."""
        (self.folder / ".hydra").mkdir()
        (self.folder / ".hydra" / "config.yaml").write_text(text)

    def configured(self, **sections: Any) -> None:
        """Have the whole configuration noted, with some sections changed."""
        self.note(json.dumps(config(**{**USUAL, **sections})))


def _changed(values: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        *inner, last = key.split("__")
        place = values
        for name in inner:
            place[name] = place.get(name) or {}
            place = place[name]
        place[last] = value


HOSTILE: dict[str, Callable[[Place], None]] = {}


def hostile(make: Callable[[Place], None]) -> Callable[[Place], None]:
    """Register what makes a folder hostile."""
    HOSTILE[make.__name__] = make
    return make


RUNS_CODE = "{{ cycler.__init__.__globals__.os.system('touch canary') }}"


@hostile
def a_template_in_the_folder(at: Place) -> None:
    (at.folder / "evil.md.j2").write_text(RUNS_CODE)
    at.tell(study=str(at.folder / "evil.md.j2"))
    at.facts(study=str(at.folder / "evil.md.j2"))


@hostile
def a_template_above(at: Place) -> None:
    (at.home / "evil.md.j2").write_text(RUNS_CODE)
    at.tell(study="../evil.md.j2")


@hostile
def a_file_for_a_template(at: Place) -> None:
    at.tell(study=str(at.outside / "secret.csv"))


@hostile
def a_component_in_what_hydra_noted(at: Place) -> None:
    at.configured(optimizer={"_target_": "canary_module.Thing"})


@hostile
def an_activation_in_what_hydra_noted(at: Place) -> None:
    network = {"hidden": [2, 1], "activation": "canary_module.Thing", "output": "auto"}
    at.configured(network=network)


@hostile
def components_in_the_facts_of_a_network(at: Place) -> None:
    at.tell(
        network__activations=[{"_target_": "canary_module.Thing"}] * 3,
        network__features__entry={"_target_": "os.system", "command": "touch canary"},
    )


@hostile
def components_of_pythons_library(at: Place) -> None:
    at.configured(data={"_target_": "antigravity.X"}, features={"_target_": "this.X"})
    at.tell(network__activations=[{"_target_": "subprocess.Popen", "args": ["touch", "canary"]}])


@hostile
def a_component_in_the_record(at: Place) -> None:
    at.tell(config={**at.meta["config"], "optimizer._target_": "canary_module.Thing"})


class Runs:
    """Touches a file when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("canary"),)


@hostile
def pickles_for_arrays(at: Place) -> None:
    with np.load(at.folder / "record.npz") as file:
        arrays: dict[str, Any] = dict(file)
    for name in ("params/0/weights", "seeds", "curves/test_loss"):
        arrays[name] = np.array([Runs()], dtype=object)
    np.savez(at.folder / "record.npz", allow_pickle=True, **arrays)


@hostile
def a_pickle_for_a_record(at: Place) -> None:
    (at.folder / "record.npz").write_bytes(pickle.dumps(Runs()))


@hostile
def pickles_in_the_types_of_tables(at: Place) -> None:
    kind = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Runs()),
    }
    for name in ("trials.parquet", "curves.parquet"):
        table = pq.read_table(at.folder / name)
        field = pa.field("odd", pa.int64(), metadata=kind)
        odd = table.append_column(field, pa.array([1] * len(table)))
        odd = odd.replace_schema_metadata({b"pandas": b'{"index_columns": ["__import__"]}'})
        pq.write_table(odd, at.folder / name)


@hostile
def names_that_lead_out(at: Place) -> None:
    out = "../outside/secret.csv"
    at.tell(setting=out, name=out, config={**at.meta["config"], "data.name": out})
    at.facts(name=out, settings=[{"id": out, "label": out, "config": {}}], report_of=[out])
    at.facts(animations=[out], study=out, facet=out)


@hostile
def objects_in_yaml(at: Place) -> None:
    at.note("optimizer: !!python/object/apply:os.system ['touch canary']\n")


@hostile
def yaml_that_grows(at: Place) -> None:
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]" for i in range(1, 60)]
    at.note("\n".join(lines))


@hostile
def data_in_a_file_of_the_users(at: Place) -> None:
    path = str(at.outside / "secret.csv")
    table = {"name": "table", "path": path, "label": "kind"}
    at.configured(data=table)
    setting = read(config(**{**USUAL, "data": table})).setting
    at.tell(setting=setting.id, config=setting.flat, sources={"data": "0" * 64, "own": {}})


@hostile
def a_network_of_the_users(at: Place) -> None:
    at.configured(init={"name": "saved", "path": str(at.outside)}, continue_from=str(at.outside))


@hostile
def a_store_on_a_host(at: Place) -> None:
    at.facts(tracking__uri=at.address)
    at.tell(tracking__uri=at.address)


@hostile
def a_store_with_the_users_name(at: Place) -> None:
    at.facts(tracking__uri=at.address.replace("://", "://me:***@"), tracking__view="javascript:x#y")


@hostile
def a_store_in_a_file_of_the_users(at: Place) -> None:
    at.facts(tracking__uri=f"sqlite:///{at.outside / 'mine.db'}")


@hostile
def a_store_whose_files_go_elsewhere(at: Place) -> None:
    place = at.folder / "outputs" / "mlflow.db"
    place.parent.mkdir()
    with sqlite3.connect(place) as store:
        store.execute("create table experiments (experiment_id, name, artifact_location)")
        store.execute("create table runs (experiment_id, artifact_uri)")
        store.execute("insert into experiments values (1, 'entries', ?)", (at.outside.as_uri(),))
    store.close()
    at.facts(tracking__uri="sqlite:///outputs/mlflow.db")
    at.tell(tracking__artifacts=at.outside.as_uri(), tracking__register="models")


@hostile
def links_in_place_of_what_is_written(at: Place) -> None:
    shutil.rmtree(at.folder / "figures", ignore_errors=True)
    (at.folder / "figures").symlink_to(at.outside, target_is_directory=True)


@hostile
def links_to_files_of_the_users(at: Place) -> None:
    target = at.outside / "secret.csv"
    for name in ("report.html", "report.md", "surface.png", ".lock", ".nnrun.lock", "page.md"):
        (at.folder / name).unlink(missing_ok=True)
        (at.folder / name).symlink_to(target)
    (at.folder / "ab").symlink_to(at.outside, target_is_directory=True)


@hostile
def folders_that_look_like_a_cache(at: Place) -> None:
    setup = at.folder / "ab" / ("0" * 30)
    setup.parent.mkdir()
    setup.symlink_to(at.outside / ("0" * 30), target_is_directory=True)


@hostile
def a_script_in_names(at: Place) -> None:
    script = "</script></style><script>alert(1)</script>\x1b]0;x\x07"
    about = {"config": {**at.meta["config"], "data.name": script}}
    at.tell(name=script, command=script, overrides=[script], **about)
    at.facts(name=script, notes=[script], verdict=[script], tables=[[script]])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run without anything hostile, trained once."""
    home = tmp_path_factory.mktemp("sound")
    with chdir(home):
        train_into([read(config(**USUAL))], Path("run"))
    return home / "run"


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, list[str]]]:
    """A server that notes what it is asked."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization')}")
            self.send_error(404)

        do_POST = do_GET  # noqa: N815  (the library's name)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    listening = HTTPServer(("127.0.0.1", 0), Noting)
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}", asked
    listening.shutdown()
    thread.join()
    listening.server_close()


HAPPENED: list[str] = []
WATCHED = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "webbrowser.open")


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Note programs that start and hosts that are asked, while a test wants to know."""
    if HAPPENED and event in (*WATCHED, "socket.connect"):
        HAPPENED.append(f"{event} {arguments}")


sys.addaudithook(_watch)


@pytest.fixture
def place(
    sound: Path,
    server: tuple[str, list[str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """A working directory, a stranger's folder in it, and a user's own files beside."""
    here, outside = tmp_path / "here", tmp_path / "outside"
    (outside / ("0" * 30)).mkdir(parents=True)
    here.mkdir()
    folder = tmp_path / "inbox" / "theirs"
    shutil.copytree(sound, folder)
    rows = [f"{i % 7},{SECRET if i % 2 else 'no'}" for i in range(20)]
    (outside / "secret.csv").write_text("\n".join(["a,kind", *rows]))
    (outside / ("0" * 30) / "0-1.0123456789abcdef.npz").write_text("mine")
    with sqlite3.connect(outside / "mine.db") as mine:
        mine.execute("create table t (a)")
    mine.close()
    for where in (folder, here):
        (where / "canary_module.py").write_text(CANARY.format(str(here / "canary")))
    monkeypatch.chdir(here)
    monkeypatch.syspath_prepend(str(here))
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    _spare_drawing(monkeypatch)
    found = Place(tmp_path, folder, outside, *server)
    a_store_on_a_host(found)  # what else is hostile may change it
    yield found
    HAPPENED.clear()
    sys.modules.pop("canary_module", None)


def _spare_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what only draws numbers: what is read, written and said stays."""
    monkeypatch.setattr("nnrun.report.page._write_figures", lambda *asked: None)
    monkeypatch.setattr("nnrun.pictures.behaviour.diagram_svg", lambda subject: "")
    monkeypatch.setattr("nnrun.pictures.behaviour.unit_rows", lambda subject: [])
    monkeypatch.setattr(
        "nnrun.report.page.drawing",
        lambda findings, folder, pdf: nullcontext(
            lambda: Drawn({}, layout(findings.summary, findings.sweep, findings.sweep.facet))
        ),
    )

    def stills(subject: Any, folder: Path) -> list[Path]:
        write_text(folder / "surface.png", subject.headline)
        return [folder / "surface.png"]

    monkeypatch.setattr("nnrun.pictures.__main__.draw_stills", stills)


def _found_by(find: Callable[[], object]) -> Callable[[], int]:
    """Make a command of a function of the library."""

    def run() -> int:
        try:
            find()
        except (InputError, OSError):
            return 2
        finally:
            plt.close("all")
        return 0

    return run


def commands(folder: Path, out: Path) -> dict[str, Callable[[], int]]:
    """List everything that reads a folder, as functions that return an exit code."""
    name = str(folder)
    usual = read(config(**USUAL)).setting.flat
    return {
        "load": _found_by(lambda: nnrun.load(folder)),
        "plot": _found_by(lambda: nnrun.plot.learning_curves(nnrun.load(folder))),
        "load_network": _found_by(lambda: nnrun.load_network(folder)),
        "model": lambda: model.main([name, "--save", str(out / "net.json")]),
        "init.path": _found_by(lambda: Saved(path=name).digest),
        "continue_from": _found_by(lambda: find_state(name, usual)),
        "pictures elsewhere": lambda: pictures.main([name, "--out", str(out)]),
        "pictures": lambda: pictures.main([name]),
        "report": lambda: report.main([name]),
        "index": _found_by(lambda: write_index(folder.parent)),
        "sync": lambda: sync.main([name]),
        "ui": _found_by(lambda: choose(folder, None)),
        "cache": lambda: cache.main(["--folder", name, "prune", "--all"]),
    }


def state(place: Place) -> dict[str, tuple[str, bytes]]:
    """Tell every file outside the folder, and links by where they lead."""
    found = {}
    for path in sorted(place.home.rglob("*")):
        if not path.is_relative_to(place.home / "inbox") and not path.is_relative_to(
            place.home / "out"
        ):
            content = path.read_bytes() if path.is_file() else b""
            found[str(path)] = (oct(path.lstat().st_mode), content)
    return found


def new_text(place: Place) -> str:
    """Return all text that was written into the folder and beside."""
    written = [*place.folder.rglob("*"), *(place.home / "out").rglob("*")]
    return "".join(
        path.read_text(encoding="utf-8", errors="replace")
        for path in written
        if path.suffix in (".html", ".md", ".json", ".csv", ".svg") and not path.is_symlink()
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_nothing_of_a_strangers_folder_runs_or_leaves(
    name: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    HOSTILE[name](place)
    out = place.home / "out"
    out.mkdir()
    before, modules = state(place), set(sys.modules)
    HAPPENED.append("watching")
    codes = {what: run() for what, run in commands(place.folder, out).items()}
    assert HAPPENED == ["watching"]
    assert place.asked == []
    assert state(place) == before
    assert not {"canary_module", "antigravity", "this"} & (set(sys.modules) - modules)
    assert not list(place.home.rglob("canary"))
    assert set(codes.values()) <= {0, 1, 2}
    assert (codes["sync"], codes["cache"]) == (2, 2)
    assert codes["ui"] == 2 or name == "a_store_whose_files_go_elsewhere"  # it is only shown
    said = capsys.readouterr()
    told = said.out + said.err
    assert "Traceback" not in told
    assert PASSWORD not in told
    assert "\x1b" not in told
    text = new_text(place)
    assert SECRET not in text + told
    pages = [
        *place.folder.rglob("*.html"),
        *out.rglob("*.html"),
        place.folder.parent / "index.html",
    ]
    assert not any("<script>alert" in path.read_text() for path in pages if path.is_file())


def test_a_file_of_the_users_is_not_drawn_because_a_record_names_it(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    data_in_a_file_of_the_users(place)
    assert pictures.main([str(place.folder)]) == 2
    path = place.outside / "secret.csv"
    said = capsys.readouterr().err
    assert said.startswith("error: data.path=")
    assert "secret.csv: is not the file that was trained on, or has changed since" in said
    known = read(config(**{**USUAL, "data": {"name": "table", "path": str(path), "label": "kind"}}))
    place.tell(sources=known.setting.sources)
    assert pictures.main([str(place.folder)]) == 2  # its network has other inputs
    assert "is not the file that was trained on" not in capsys.readouterr().err


def test_a_sound_folder_passes_through_all_of_them(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands do what they are for: it is not by failing early that nothing happens."""
    out = place.home / "out"
    out.mkdir()
    codes = {what: run() for what, run in commands(place.folder, out).items()}
    assert {what for what, code in codes.items() if code} == {
        "sync",
        "ui",
        "cache",
        "continue_from",
    }
    said = capsys.readouterr().err
    assert f"store={place.address}: is named by the sweep's folder alone" in said
    assert "is no cache" in said
    assert place.asked == []
