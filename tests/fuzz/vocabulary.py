"""What command lines are made of."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra.conf import HydraConf
from omegaconf import OmegaConf

from nnrun.config.read import known_keys

ROOT = Path(__file__).parents[2]

TINY = ["budget=200", "seeds=2", "evals=4", "batch_size=1"]
OFF = ["tracking=off", "report=off"]
DEFAULTS = ["features=product", "network=seed", "init=uniform", "optimizer=sgd", "data=xor"]
COSTLY = {"budget", "seeds", "seed", "evals", "batch_size", "sweep.random", "sweep.tune_seeds"}
"""Keys whose large values are right and slow."""

NASTY = [
    *("", "null", "None", "true", "False", "nan", "inf", "-inf", "1e309", "-1e308", "1e-320"),
    *("-1", "0", "-0.0", "0.5", "1_000", "0x10", "007", "1e3", "+5", "1.", ".5", "1,5"),
    *("[]", "[1,1]", "[[]]", "[null]", "[a,[b]]", "{}", "{a:1}", "{a:{b:[1,{c:2}]}}", "{1:2}"),
    *("''", '""', "' '", "ü", "数据", "😀", "a b", "\udcff", "a\tb", "a\nb", "\u200b", "é" * 130),
    *("${lr}", "${name}", "${nope}", "${oc.env:NOPE}", "${oc.env:NOPE,1}", "${hydra:job.name}"),
    *("${nnrun_folder:x}", "${nnrun_folder:}", "${hydra:nope}", "${now:%Y}", "${.lr}", "${..lr}"),
    *(
        "${oc.create:{a:1}}",
        "${oc.select:lr}",
        "${",
        "$",
        "${}",
        "\\",
        "\\${lr}",
        "???",
        "${lr}${lr}",
    ),
    *("a,b", "1,2", "[1],[2]", "{a:1},{a:2}", "null,1", "a,a", ",", "1,", "'a,b'"),
    *("range(1,3)", "range(0,1,0)", "range(3)", "choice(1,2)", "choice()", "interval(0,1)"),
    *("interval(1,0)", "tag(log,interval(1e-3,1))", "tag(a,b,choice(1))", "int(interval(1,3))"),
    *("glob(*)", "glob(x*)", "glob([a*,b*],exclude=c*)", "sort(3,1,2)", "shuffle(1,2)", "int(3.5)"),
    *("int(a)", "str(1)", "float(nan)", "bool(x)", "json_str({a:1})", "extend_list(1,2)", "cos(1)"),
    *(
        "'quoted'",
        '"dou\'ble"',
        "'",
        '"',
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "[1",
        "{a",
        "f(",
        "x" * 300,
    ),
    *("../..", "/", ".", "/dev/null", "~", "~/x", "t.csv", "done", "nope/nope", "t.csv/x", "."),
    *("http://x", "key=value", "@", ":", "%", "%s", "#", "!", "&", "*", "|", "`ls`", "a/b", "a.b"),
    *("9" * 400, "1e400", "-" * 20, "12345678901234567890", "1e-400", "NULL", "Yes", "off", "on"),
]
CHEAP = ["0", "1", "2", "7", "50"]

FLAGS = [
    *(["-m"], ["--multirun"], ["-r"], ["--run"], ["--cfg", "job"], ["-c", "hydra"], ["--cfg=all"]),
    *(
        ["--cfg", "nope"],
        ["--resolve"],
        ["--package", "network"],
        ["-p", "nope"],
        ["-p", "_global_"],
    ),
    *(["--help"], ["-h"], ["--hydra-help"], ["--version"], ["--info"], ["--info", "defaults-tree"]),
    *(["-i", "searchpath"], ["--info", "config"], ["--info=plugins"], ["--info", "all"], ["-sc"]),
    *(["-sc", "install=bash"], ["-sc", "query=fish"], ["--shell-completion", "uninstall=zsh"]),
    *(["--config-dir", "my"], ["-cd", "nope"], ["--config-dir=t.csv"], ["--config-name", "nope"]),
    *(
        ["-cn", "config"],
        ["--config-path", "nope"],
        ["-cp", "my"],
        ["--experimental-rerun", "t.csv"],
    ),
    *(["--nope"], ["-x"], ["--"], ["--multirum"], ["-mm"], ["-mr"], ["--conf"], ["-"], ["--cfg"]),
]

ISSUE = """
-m experiments=small,big --config-dir my
--config-dir my experiments=nomode
-m optimizer=adam,nadam optimizer.beta1=0.8
-m init=glorot,he init.distribution=normal
-m data=iris,wine data.test_share=0.3
optimizer.beta1=0.9
network=[4,4]
-m network=[4],[8]
features=[x,y]
data=table data.path=t.csv data.label=kind
data=table data.path=t.csv data.label=kind hydra.job.chdir=true
continue_from=done keep_state=true budget=400 hydra.job.chdir=true
init=saved init.path=done hydra.job.chdir=true
clip.norm=None network.hidden=4
lr=range(0.1,0.4,0.1) -m
-m lr=0.1,0.10,1e-1
data=[xor,moons]
data=[1,1]
hydra.verbose=${lr}
hydra.job=${name}
++hydra.sweep=${name}
hydra.job_logging.root=100
++hydra.job_logging.handlers={a:1}
++hydra.sweeper._target_=a
~data@_global_=true
hydra=glob(x*)
-m 'sweep.tune={lr:[0.03,0.1]}' sweep.tune_seeds=2
-m lr=0.1,0.2 batch_size=1,2 'sweep.zip=[lr,batch_size]'
-m 'lr=tag(log,interval(1e-3,1))' sweep.random=3
-m hydra/launcher=basic lr=0.1,0.2
-m hydra/sweeper=basic lr=0.1,0.2
hydra.run.dir=here
-m hydra.sweep.dir=there lr=0.1,0.2
""".strip().splitlines()


def groups() -> dict[str, list[str]]:
    """Return the options of every group, Hydra's included."""
    found = {
        path.relative_to(ROOT / "conf").as_posix(): sorted(f.stem for f in path.glob("*.yaml"))
        for path in (ROOT / "conf").rglob("*")
        if path.is_dir()
    }
    found["experiments"] = sorted(path.stem for path in (ROOT / "experiments").glob("*.yaml"))
    found["hydra/launcher"] = ["basic", "nnrun"]
    found["hydra/sweeper"] = ["basic", "nnrun"]
    found["hydra/job_logging"] = ["default", "disabled", "none", "nnrun", "stdout"]
    found["hydra/hydra_logging"] = ["default", "disabled", "none", "nnrun", "hydra_debug"]
    return {group: options for group, options in found.items() if options}


def hydra_keys() -> list[str]:
    """Return every key of Hydra's own, dotted."""
    config = OmegaConf.to_container(OmegaConf.structured(HydraConf), resolve=False)
    more = [
        *("job_logging.root.level", "job_logging.root", "job_logging.version", "callbacks.check"),
        *("job_logging.handlers.file.filename", "job_logging.handlers", "job_logging.formatters"),
        *("sweeper._target_", "sweeper.params", "sweeper.max_batch_size", "launcher._target_"),
        *("callbacks.check._target_", "hydra_logging.root", "job.env_set.X", "runtime.cwd"),
    ]
    keys = [*_dotted(config), *more]
    return [f"hydra.{key}" for key in dict.fromkeys(keys)] + ["hydra"]


def option_keys() -> dict[str, dict[str, Any]]:
    """Return the keys of every option, as ``group=option``, dotted and with their values."""
    return {
        f"{path.parent.name}={path.stem}": {
            f"{path.parent.name}.{key}": value
            for key, value in (yaml.safe_load(path.read_text()) or {}).items()
            if key not in ("defaults", "_target_")
        }
        for path in sorted((ROOT / "conf").glob("*/*.yaml"))
    }


def top_keys() -> dict[str, Any]:
    """Return every key that stands in no group, dotted and with its value."""
    config = yaml.safe_load((ROOT / "conf/config.yaml").read_text())
    own = {key: value for key, value in config.items() if key not in ("defaults", "hydra")}
    inner = {f"{k}.{sub}": v for k in own if isinstance(own[k], dict) for sub, v in own[k].items()}
    return {**own, **inner}


def keys() -> list[str]:
    """Return every key of nnrun's, dotted."""
    own = (key for option in option_keys().values() for key in option)
    return sorted({*known_keys(), *top_keys(), *own})


def recipes() -> list[list[str]]:
    """Return the arguments of the README's commands, and those of issues."""
    text = (ROOT / "README.md").read_text()
    lines = re.findall(r"^(?:.*&& )?python -m nnrun (.*)$", text, re.MULTILINE)
    split = [shlex.split(line, comments=True) for line in [*lines, *ISSUE]]
    return [line for line in split if not any(word.startswith("tracking.uri") for word in line)]


def _dotted(values: Any, prefix: str = "") -> Iterator[str]:
    for key, value in values.items():
        yield prefix + str(key)
        if isinstance(value, dict):
            yield from _dotted(value, f"{prefix}{key}.")
