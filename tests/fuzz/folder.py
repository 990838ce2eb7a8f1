"""What lies in the folder that a command line is started in."""

from pathlib import Path

import numpy as np

from tests.fuzz.start import Line, start_in

STUDIES = {
    "small": "name: small\nhydra: {mode: MULTIRUN, sweeper: {params: {lr: '0.1,0.2'}}}\n",
    "big": "name: big\nhydra: {mode: MULTIRUN, sweeper: {params: {lr: '0.3,0.4'}}}\n",
    "nomode": "hydra: {sweeper: {params: {lr: '0.1,0.2'}}}\n",
    "listed": "hydra: {mode: MULTIRUN, sweeper: {params: {lr: [0.1, 0.2], clip.norm: null}}}\n",
}
TINY = ("budget=200", "seeds=2", "evals=4", "tracking=off", "report=off")
DONE = Line("nnrun", ("hydra.run.dir=done", "keep_state=true", *TINY))
SWEPT = Line("nnrun", ("-m", "lr=0.1,0.3", "hydra.sweep.dir=swept", *TINY))
SAVED = [Line("nnrun.model", ("done", "--save", f"saved.{form}")) for form in ("json", "npz")]


def furnish(folder: Path) -> Path:
    """Fill a folder with a table, studies, a configuration of one's own and a finished run."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(40, 2)).round(3)
    rows = [f"{x},{y},{'yes' if x * y > 0 else 'no'}" for x, y in points]
    (folder / "t.csv").write_text("\n".join(["x,y,kind", *rows]) + "\n")
    (folder / "my/experiments").mkdir(parents=True)
    for name, text in STUDIES.items():
        path = folder / f"my/experiments/{name}.yaml"
        path.write_text(f"# @package _global_\n{text}")
    (folder / "my/optimizer").mkdir()
    (folder / "my/optimizer/none.yaml").write_text("_target_: nope.Nothing\n")
    (folder / "my/optimizer/word.yaml").write_text("just a word\n")
    for line in (DONE, SWEPT, *SAVED):
        made = start_in(folder, line)
        assert made.code == 0, made.output
    return folder
