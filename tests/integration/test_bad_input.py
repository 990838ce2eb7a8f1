"""Malformed command lines and files: one clear error, exit code 2, nothing trained."""

import pytest

import nnrun as package
from tests.integration.conftest import OFF, QUICK

GOOD = "size,colour,kind\n1.5,red,a\n2.5,blue,b\n1.0,red,a\n3.5,blue,b\n2.0,red,a\n3.0,blue,b\n"
FILES = {
    "good.csv": GOOD,
    "empty.csv": "",
    "header.csv": "size,colour,kind\n",
    "holes.csv": GOOD + ",red,a\n",
    "text.csv": GOOD + "4.5,red,a\n5.5,red,b\n12a,red,a\n",
    "oneclass.csv": "size,kind\n1,a\n2,a\n3,a\n4,a\n",
    "infinite.csv": "size,kind\n1,a\ninf,b\n3,a\n4,b\n",
    "nolabel.csv": "size,kind\n1,a\n2,\n3,a\n4,b\n",
    "twice.csv": "size,size,kind\n1,1,a\n2,2,b\n3,3,a\n4,4,b\n",
    "data.xlsx": "x",
    "broken.parquet": "PAR1 and no more",
    "other/experiments/wrong_key.yaml": "# @package _global_\nlearning_rate: 0.1\n",
    "other/experiments/not_yaml.yaml": "# @package _global_\nlr: [1, 2\n",
}
TABLE = ["data=table", "data.label=kind"]

CASES = {
    # the command line itself
    "unknown key": (["lrr=0.1"], "lrr: is not a known key (did you mean 'lr'?)"),
    "unknown key in a group": (["network.hiden=[4]"], "did you mean 'network.hidden'?"),
    "unknown key added": (["+foo=1"], "foo=1: is not a known key"),
    "key of another option": (["+optimizer.momentum=0.9"], "optimizer=sgd has no momentum"),
    "deleted key": (["~lr"], "lr: is required"),
    "unknown option": (["features=prodct"], "did you mean 'product'?"),
    "unknown group": (["featres=raw"], "did you mean 'features'?"),
    "unknown study": (["experiments=learning_rat"], "did you mean 'learning_rate'?"),
    "open bracket": (["network.hidden=[2"], "cannot be read"),
    "no value": (["lr"], "must be written key=value"),
    "empty value": (["lr="], "lr=: must be a number"),
    "sweep without -m": (["lr=0.1,0.2"], "several values need a sweep (add -m"),
    # values
    "text for a number": (["lr=fast"], "lr=fast: must be a number"),
    "negative rate": (["lr=-0.1"], "lr=-0.1: must be greater than 0"),
    "NaN": (["lr=nan"], "lr=nan: must be a finite number"),
    "fraction of a seed": (["seeds=2.5"], "seeds=2.5: must be a whole number"),
    "no seeds": (["seeds=0"], "seeds=0: must be greater than or equal to 1"),
    "batch over budget": (["batch_size=9", "budget=5"], "must not exceed the budget of 5"),
    "batch over pool": (["batch_size=9", "data.n_train=5"], "must not exceed the 5 training"),
    "percent for a share": (["target.value=95"], "must be a share in (0, 1]"),
    "unknown metric": (["target.metric=acc"], "must be 'accuracy', 'test_loss' or 'train_loss'"),
    "unknown engine": (["engine=gpu"], "engine=gpu: must be 'auto', 'compiled' or 'reference'"),
    "unknown activation": (["network.activation=relo"], "did you mean 'relu'?"),
    "activations and layers": (["network.activation=[tanh]"], "one for each of the 2 hidden"),
    "layer of no units": (["network.hidden=[4,0]"], "entry 2 must be greater than"),
    "unknown gate": (["data=gate", "data.gate=xnro"], "did you mean 'xnor'?"),
    "unknown coordinate": (["features.terms=[x,z]"], "'z' is not an input of the data"),
    "no product": (["features.terms=[x,x+y]"], "must be a product of inputs"),
    "sine without quotes": (
        ["features.terms=[sin(x)]"],
        "for Hydra: 'features.terms=[\"sin(x)\"]'",
    ),
    "too many features": (
        ["data=digits", "features=polynomial", "features.degree=3"],
        "features.degree=3: makes 47,904 features of 64 inputs; at most 10,000",
    ),
    "loss without classes": (["data=diabetes", "loss=binary_crossentropy"], "needs classes"),
    "accuracy of a regression": (
        ["data=diabetes", "target.metric=accuracy"],
        "is not defined for regression",
    ),
    "terms of a table": (["data=iris", "features=product"], "features=raw takes them as they are"),
    "unusable store": (
        ["tracking.uri=ftp://nowhere"],
        "tracking.uri=ftp://nowhere: cannot be used",
    ),
    # sweeps
    "one bad job": (["-m", "lr=0.1,-1"], "#1 lr=-1"),
    "bad options in a sweep": (["-m", "features=raw,prodct"], "did you mean 'product'?"),
    "sweep of what is shared": (["-m", "name=a,b"], "name: cannot vary within a sweep"),
    "a facet that does not vary": (
        ["-m", "lr=0.1,0.3", "report.within=hidden"],
        "report.within=hidden: is not a key that varies (known: lr)",
    ),
    "a margin in percent": (
        ["-m", "lr=0.1,0.3", "report.margin=10"],
        "report.margin=10: is a share, above 0 and below 1 (0.1 for 10%)",
    ),
    "margins of one sweep": (["-m", "report.margin=0.1,0.2"], "report: cannot vary within a sweep"),
    "a finding of nothing": (
        ["-m", "lr=0.1,0.3", "report.require=sooner(lr=0.5)", "sweep.tune={batch_size:[1,2]}"],
        "'lr=0.5' is not compared with anything (compared are lr=0.3)",
    ),
    "hydra swept": (["-m", "hydra.verbose=true,false"], "not supported"),
    "study with a wrong key": (
        ["--config-dir", "other", "experiments=wrong_key"],
        "learning_rate=0.1: is not a known key",
    ),
    "study that is no YAML": (["--config-dir", "other", "experiments=not_yaml"], "not_yaml"),
    "a billion of Hydra's sweeper": (
        ["-m", "hydra/sweeper=basic", "seed=range(0,1000000000)"],
        "seed=range(0,1000000000,1): has 1,000,000,000 values",
    ),
    "more than there can be of Hydra's sweeper": (
        ["-m", "hydra/sweeper=basic", "seed=range(0,9999)", "batch_size=range(1,99)"],
        "makes 979,902 settings",
    ),
    "a pattern without a match": (
        ["-m", "optimizer=glob(zz*)"],
        "=glob(zz*): stands for no option",
    ),
    "another's pattern without a match": (
        ["-m", "hydra/sweeper=basic", "optimizer=glob(zz*)"],
        "optimizer=glob(zz*): stands for no option (known: adadelta",
    ),
    "a pattern for what is no group": (["-m", "lr=glob(*)"], "'lr' is no group of options"),
    "a choice of nothing": (["-m", "lr=choice()"], "has no values (give some: lr=choice(A,B))"),
    "no logging of jobs": (
        ["-m", "~hydra/job_logging", "lr=0.1,0.2", *OFF],
        "~hydra/job_logging: leaves out what every run needs (hydra/job_logging=none logs nothing)",
    ),
    "no logging of a run": (["~hydra/hydra_logging"], "~hydra/hydra_logging: leaves out what"),
    "no launcher": (["-m", "~hydra/launcher", "lr=0.1,0.2"], "~hydra/launcher: leaves out what"),
    "a facet of a run": (["report.facet=lr"], "report.facet=lr: names a key, and nothing varies"),
    "unknown reference": (["lr=${nope}"], "Interpolation key 'nope' not found"),
    "unknown variable": (["-m", "seed=1,2", "lr=${oc.env:NOPE}"], "variable 'NOPE' not found"),
    "range without a width": (
        ["init.low=-1e308", "init.high=1e308"],
        "init.low=-1e+308: must lie between -1e+100 and 1e+100",
    ),
    # files
    "damaged network": (["init=saved", "init.path=broken.parquet"], "init.path=broken.parquet"),
    "no path": (TABLE, "data.path: is required"),
    "missing file": ([*TABLE, "data.path=nowhere.csv"], "data.path=nowhere.csv"),
    "folder": ([*TABLE, "data.path=other"], "data.path=other"),
    "empty file": ([*TABLE, "data.path=empty.csv"], "data.path=empty.csv"),
    "header only": ([*TABLE, "data.path=header.csv"], "data.path=header.csv"),
    "unknown ending": ([*TABLE, "data.path=data.xlsx"], "data.path=data.xlsx"),
    "broken Parquet": ([*TABLE, "data.path=broken.parquet"], "data.path=broken.parquet"),
    "no such column": (
        ["data=table", "data.path=good.csv", "data.label=knid"],
        "did you mean 'kind'?",
    ),
    "missing values": ([*TABLE, "data.path=holes.csv"], "data.missing=impute"),
    "missing label": ([*TABLE, "data.path=nolabel.csv"], "data.label"),
    "text where numbers belong": ([*TABLE, "data.path=text.csv"], "12a"),
    "one class": ([*TABLE, "data.path=oneclass.csv"], "one class"),
    "infinite": ([*TABLE, "data.path=infinite.csv"], "inf"),
    "column twice": ([*TABLE, "data.path=twice.csv"], "size"),
}


@pytest.mark.parametrize("case", CASES)
def test_one_clear_error_and_nothing_trained(nnrun, case):
    arguments, message = CASES[case]
    for name, text in FILES.items():
        path = nnrun.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    done = nnrun(*arguments, *([] if "seeds" in str(arguments) else ["seeds=2"]), code=2)
    assert message in done.stderr, done.stderr
    assert done.stderr.count("error:") == 1
    assert "Traceback" not in done.stderr
    assert not (nnrun.folder / "outputs").exists()


def test_every_bad_job_of_a_sweep_is_listed(nnrun):
    done = nnrun("-m", "lr=0.1,-1,fast", "batch_size=1,0", code=2)
    assert "5 of 6 jobs cannot run, so none was trained:" in done.stderr
    for job in ("#1 lr=0.1 batch_size=0", "#2 lr=-1 batch_size=1", "#5 lr=fast batch_size=0"):
        assert job in done.stderr
    assert "#0 " not in done.stderr
    both = done.stderr.split("#5")[1]
    assert "lr=fast: must be a number" in both
    assert "batch_size=0: must be greater than or equal to 1" in both


def test_a_sweep_of_another_s_sweeper_leaves_no_folder_above_its_own(nnrun):
    nnrun("-m", "hydra/sweeper=basic", "hydra.sweep.dir=a/b", "lr=0.1,-1", *OFF, code=2)
    assert not list(nnrun.folder.iterdir())


def test_what_another_s_sweeper_trained_stays_when_its_next_batch_is_bad(nnrun):
    batches = ["hydra/sweeper=basic", "hydra.sweeper.max_batch_size=1"]
    done = nnrun("-m", *batches, "lr=0.1,-1", *QUICK, *OFF, code=2)
    assert "lr=-1: must be greater than 0" in done.stderr
    (sweep,) = nnrun.outputs("sweeps")
    assert f"results: outputs/sweeps/{sweep.name}" in done.stdout
    assert package.load(sweep).trials["seed"].tolist() == [0, 1, 2]
