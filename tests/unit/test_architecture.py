"""The walls of the house: imports point backwards along the flow, and start-up stays light."""

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import nnrun

PACKAGE = Path(__file__).parents[2] / "nnrun"
FIGURES = PACKAGE / "plot/figures"  # the room above it lists them

# each part may import itself and what stands before it
ORDER = [
    {
        "calls",
        "commands",
        "documents",
        "errors",
        "interrupt",
        "jinja",
        "layout",
        "masking",
        "modules",
        "registry",
        "text",
    },
    {"rows"},
    {"network"},
    {"records"},
    {"problem"},
    {"custom"},
    {"config"},
    {"training"},
    {"model"},
    {"sklearn"},
    {"trials"},
    {"statistics"},
    {"results"},
    {"plot"},
    {"pictures"},
    {"report", "tracking"},
    {"launch"},
    {"hydra_ext"},
    {"judging"},
    {"cache", "judge", "sync", "ui", "__main__"},
]
LEVEL = {part: level for level, parts in enumerate(ORDER) for part in parts}
ALLOWED = {
    "mlflow": {"tracking"},
    "hydra": {"hydra_ext", "__main__"},
    "omegaconf": {"hydra_ext", "__main__"},
    "matplotlib": {"plot", "pictures"},
    "pandas": {
        "problem",
        "results",
        "statistics",
        "plot",
        "pictures",
        "report",
        "tracking",
        "launch",
        "judging",
    },
    "rich": {"trials", "pictures", "report", "tracking", "launch", "cache"},
    "pydantic": {"config"},
    "sklearn": {"problem", "sklearn"},
    "llvmlite": {"training"},
    "threadpoolctl": {"training"},
    "dask": {"trials"},
    "distributed": {"trials"},
}
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.parent != PACKAGE or p.stem != "__init__")


def part_of(path: Path) -> str:
    # a command stands in the room that it is named by, and uses all that is there
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "__main__" if path.name == "__main__.py" and room == "report" else room


def imports(path: Path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module or ""
            if node.module == "nnrun":
                yield from (f"nnrun.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_backwards_along_the_flow(path):
    here = part_of(path)
    for name in imports(path):
        top, _, rest = name.partition(".")
        if top == "nnrun":
            other = rest.split(".")[0]
            if other in LEVEL:
                assert LEVEL[other] <= LEVEL[here], f"{here} imports {name}"
                assert (
                    other == here
                    or LEVEL[other] < LEVEL[here]
                    or LEVEL[here] in (0, 3, LEVEL["launch"])
                )
        elif top in ALLOWED:
            assert here in ALLOWED[top], f"{here} imports {name}"


ROOMS = [path for path in PACKAGE.rglob("__init__.py") if path.parent not in (PACKAGE, FIGURES)]


@pytest.mark.parametrize("path", ROOMS, ids=lambda p: str(p.parent.relative_to(PACKAGE)))
def test_a_room_lists_its_files_and_no_others(path):
    listed = set()
    for line in (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines():
        if line.startswith("- "):
            # after a semicolon more may be named: ``a``: what it is; ``b``: what that is
            for part in line.removeprefix("- ").split("; "):
                head = re.match(r"(``\w+``(, )?)+", part)
                listed |= set(re.findall(r"``(\w+)``", head[0])) if head else set()
    there = {file.stem for file in path.parent.glob("*.py")} - {"__init__", "__main__"}
    folders = {file.parent.name for file in path.parent.glob("*/*.py")}
    assert there <= listed, "files that its docstring does not list"
    assert listed - {"__main__"} <= there | folders, "files that it lists and has not"


@cache
def spelt(path: Path) -> str:
    """Return the text constants of a file, docstrings left out, a line each."""
    tree = ast.parse(path.read_text())
    told = {id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr)}
    nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Constant) and id(n) not in told]
    paths = [n.args[0] for n in ast.walk(tree) if isinstance(n, ast.Call) and n.args
             and getattr(n.func, "id", "") == "Path"]  # fmt: skip
    whole = {id(n) for n in paths}
    return "\n".join(f"{n.value}{'/' * (id(n) in whole)}" for n in nodes if type(n.value) is str)


@pytest.mark.parametrize(
    ("word", "home"),
    [
        ("record.npz", "records/record.py"),
        ("sweep.json", "records/sweep.py"),
        ("outputs/", "layout.py"),
    ],
)
def test_what_files_and_folders_are_called_is_spelt_in_one_place(word, home):
    found = [str(path.relative_to(PACKAGE)) for path in FILES if word in spelt(path)]
    assert found == [home]


@cache
def declared(*extras: str) -> set[str]:
    """Return the distributions that pyproject.toml names, for use and in some extras."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"]]
    for extra in extras:
        named += project["optional-dependencies"][extra]
    return {re.match(r"[\w.-]+", line)[0].lower().replace("_", "-") for line in named}


def unguarded(path: Path):
    """Yield the packages of others that a file needs as soon as it is imported."""
    body = ast.parse(path.read_text()).body
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


OF_AN_EXTRA = dict.fromkeys(("cluster.py", "parcel.py", "scheduler.py"), "dask")


@pytest.mark.parametrize("folder", ["nnrun", "tests"])
def test_what_is_imported_is_installed_by_the_commands_of_the_readme(folder):
    extras = ["test", "dask"] if folder == "tests" else []
    owners = packages_distributions()
    ours = {"nnrun", "tests", "my_rules", "hydra_plugins", *sys.stdlib_module_names}
    for path in (PACKAGE.parent / folder).rglob("*.py"):
        if "benchmarks" not in path.parts and "examples" not in path.parts:
            own = [OF_AN_EXTRA[path.name]] if path.name in OF_AN_EXTRA else []
            available = declared(*extras, *own)
            for name in set(unguarded(path)) - ours:
                known = {owner.lower().replace("_", "-") for owner in owners.get(name, [name])}
                assert known & available, f"{path.name} imports {name}, which is declared nowhere"


def test_every_part_has_its_place_in_the_flow():
    assert {part_of(path) for path in FILES} == set(LEVEL)


@pytest.mark.parametrize("module", ["nnrun.network.mlp", "nnrun.training.trainer"])
def test_numerics_know_nothing_of_the_tools_around_them(module):
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = set(_run("-c", code).stdout.split())
    assert not loaded & {"hydra", "omegaconf", "mlflow", "pandas", "matplotlib"}


PUBLIC = [
    "InputError", "NeuralNetwork", "Results", "judge", "load", "load_network", "make_report",
    "plan", "plot", "run", "sklearn", "sweep",
]  # fmt: skip


def test_the_package_lists_its_public_names_and_no_others_and_imports_none_to_do_so():
    code = "import sys, nnrun; print(dir(nnrun)); print(*sys.modules)"
    names, modules = _run("-c", code).stdout.splitlines()
    assert names == str(PUBLIC)
    assert not set(modules.split()) & {"numpy", "nnrun.model", "nnrun.plot", "nnrun.report"}
    assert all(hasattr(nnrun, name) for name in PUBLIC)
    assert dir(nnrun) == PUBLIC  # whatever was imported meanwhile


@pytest.mark.parametrize("flags", [["--help"], ["--cfg", "job"], ["--info", "config"]])
def test_looking_at_the_configuration_imports_nothing_heavy(flags):
    done = _run("-X", "importtime", "-m", "nnrun", *flags)
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "hydra" in loaded
    assert not loaded & {"mlflow", "matplotlib", "pandas", "sklearn", "pyarrow"}


def test_tracking_off_never_imports_mlflow(tmp_path):
    flags = ["tracking=off", "report=off", "budget=50", "seeds=2"]
    done = _run("-X", "importtime", "-m", "nnrun", *flags, cwd=tmp_path)
    assert "nnrun.launch.launch" in done.stderr
    assert "| mlflow" not in done.stderr.replace("    ", " ")
    assert "matplotlib" not in done.stderr


def _run(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=cwd)
