"""The configuration as a whole: what is accepted, what is refused, and in which words."""

from pathlib import Path

import pytest
import yaml

from nnrun.config.components import REGISTRIES
from nnrun.config.read import known_keys, read, require_one_sweep
from nnrun.errors import InputError
from nnrun.records.labels import label, varying_keys

CONF = Path(__file__).parents[2] / "conf"
TOP = {
    "name": "nnrun", "lr": 0.03, "batch_size": 1, "budget": 1000, "evals": 10, "seed": 0,
    "seeds": 2, "engine": "auto", "target": {"metric": "accuracy", "value": 0.95, "hold": 3},
}  # fmt: skip
GROUPS = {
    "data": {"name": "xor", "n_train": None, "shuffle": True},
    "features": {"name": "terms", "terms": ["x", "y", "x*y"]},
    "network": {"hidden": [2, 1], "activation": "sigmoid", "output": "auto"},
    "init": {"name": "uniform", "low": -1, "high": 1.0},
    "optimizer": {"name": "sgd"},
    "schedule": {"name": "constant"},
    "loss": {"name": "squared_error"},
    "tracking": {"name": "off"},
    "executor": {"name": "threads", "workers": None},
    "report": {"name": "off"},
}


def config(**changes):
    return {**TOP, **GROUPS, **changes}


def terms(*texts):
    return {"features": {"name": "terms", "terms": texts}}


def issues(**changes):
    with pytest.raises(InputError) as caught:
        read(config(**changes))
    return [str(issue) for issue in caught.value.issues]


def test_a_good_configuration_becomes_a_job():
    job = read(config(lr=1, budget=1e6, seed=5))
    assert job.setting.lr == 1.0
    assert job.setting.budget == 1_000_000
    assert list(job.trial_seeds) == [5, 6]
    assert job.setting.network.output == "sigmoid"


def test_a_regression_has_no_accuracy_to_register_a_network_by():
    by_accuracy = {"name": "mlflow", "register": "x", "register_by": "final_accuracy"}
    aim = {"metric": "test_loss", "value": 0.1, "hold": 1}
    regression = {"data": {"name": "diabetes"}, "features": {"name": "terms"}, "target": aim}
    assert issues(**regression, tracking=by_accuracy) == [
        "tracking.register_by=final_accuracy: needs classes, and the data are a regression, which "
        "has no accuracy (use final_test_loss or time)"
    ]
    assert read(config(**regression, tracking={**by_accuracy, "register_by": "time"}))
    assert read(config(tracking=by_accuracy))


def test_a_cluster_is_named_by_an_address_or_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert issues(executor={"name": "dask", "address": "where.json"}) == [
        "executor.address=where.json: is neither an address nor the file of a scheduler "
        "(as in tcp://HOST:8786)"
    ]
    Path("where.json").touch()
    for address in ("where.json", "tcp://127.0.0.1:8786", None):
        assert read(config(executor={"name": "dask", "address": address})).executor.name == "dask"
    assert (
        "leave one of them out"
        in issues(executor={"name": "dask", "address": "tcp://127.0.0.1:8786", "workers": 2})[0]
    )


def test_all_broken_rules_are_listed_at_once():
    found = issues(lr=-1, batch_size=0, optimizer={"name": "sgdd"}, network={"hiden": [2]})
    assert found == [
        "lr=-1: must be greater than 0",
        "batch_size=0: must be greater than or equal to 1",
        "network.hiden=[2]: is not a known key (did you mean 'hidden'?)",
        "optimizer.name=sgdd: is not a known optimizer (did you mean 'sgd'?)",
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lr": "fast"}, "lr=fast: must be a number"),
        ({"lr": True}, "lr=true: must be a number"),
        ({"lr": float("inf")}, "lr=inf: must be a finite number"),
        ({"seeds": 2.5}, "seeds=2.5: must be a whole number"),
        ({"evals": None}, "evals=null: must be a whole number"),
        ({"batch_size": 2000}, "batch_size=2000: must not exceed the budget of 1000 samples"),
        ({"enigne": "auto"}, "enigne=auto: is not a known key (did you mean 'engine'?)"),
        (
            {"engine": "compile"},
            "engine=compile: must be 'auto', 'compiled' or 'reference' (did you mean 'compiled'?)",
        ),
        ({"target": 0.95}, "target=0.95: must be a group of the keys metric, value, hold"),
        ({"target": {"metric": "acuracy"}}, "target.metric=acuracy: must be"),
        ({"target": {"metric": "acc"}}, "(did you mean 'accuracy'?)"),
        ({"target": {"metric": "val_loss"}}, "(did you mean 'test_loss'?)"),
        ({"target": {"value": 95}}, "target.value=95: must be a share in (0, 1] for accuracy"),
        ({"data": None}, "data=null: must be an option of the group 'data'"),
        ({"data": {"name": "xor", "n_train": 0}}, "data.n_train=0: must be greater than"),
        ({"data": {"name": "gate", "gate": "xro"}}, "(did you mean 'xor'?)"),
        (
            {"data": {"name": "xor", "n_train": 3}, "batch_size": 4},
            "must not exceed the 3 training",
        ),
        ({"data": {"name": "table", "path": "???", "label": "y"}}, "data.path: is required"),
        (
            {"features": {"name": "terms", "terms": ["x", "z"]}},
            "features.terms=z: 'z' is not an input of the data",
        ),
        (terms("x", "x"), "lists x more than once"),
        (terms(), "needs at least one term"),
        ({"data": {"name": "iris"}}, "features=raw takes them as they are"),
        ({"network": {"hidden": [0]}}, "network.hidden=[0]: entry 1 must be greater than"),
        ({"network": {"hidden": 4}}, "network.hidden=4: must be a list (did you mean [4]?)"),
        (
            {"network": {"activation": "sigmiod"}},
            "is not a known activation (did you mean 'sigmoid'",
        ),
        ({"network": {"activation": ["tanh"]}}, "one for each of the 2 hidden layers"),
        ({"network": {"output": "softmax"}}, "is always 1 for a single output (use sigmoid)"),
        ({"loss": {"name": "categorical_crossentropy"}}, "use loss=binary_crossentropy"),
        (
            {"loss": {"name": "binary_crossentropy"}, "network": {"output": "tanh"}},
            "needs the output",
        ),
        ({"init": {"name": "uniform", "low": 2, "high": 1}}, "init.low=2: must be below high=1"),
        (
            {"optimizer": {"name": "sgd", "momentum": 0.9}},
            "optimizer.momentum=0.9: optimizer=sgd has no momentum (momentum and nesterov have)",
        ),
        ({"optimizer": {"name": "sgd", "speed": 1}}, "is not a known key (it has no keys)"),
        ({"optimizer": {"name": "sgd", "speed": 1, "rho": 1}}, "optimizer=sgd has no rho"),
        ({"optimizer": "adam"}, "(in a study: 'defaults: [override /optimizer: adam]')"),
        ({"experiments": {"lr": 0.1}}, "(its file begins with '# @package _global_')"),
        ({"learning_rate": 1}, "(did you mean 'lr'?)"),
        ({"clip": {"norm": "None"}}, "clip.norm=None: must be a number (did you mean null?)"),
        ({"data": {"name": "xor", "n_train": ""}}, "(did you mean null?)"),
        ({"keep_state": "yes"}, "keep_state=yes: must be true or false (did you mean true?)"),
        ({"lr": (0.1, 0.2)}, "lr=[0.1,0.2]: must be a number (for a sweep: -m lr=0.1,0.2)"),
        ({"lr": "0.1,0.2"}, "(for a sweep: -m lr=0.1,0.2)"),
        ({"network": {"hidden": ((4,), (8,))}}, "(for a sweep: -m network.hidden=[4],[8])"),
        ({"network.hidden": (4,)}, "network.hidden=[4]: has a dot, which stands for a group"),
        ({"continue_from": "None"}, "continue_from=None: is a word here"),
        ({"continue_from": "x" * 3000}, "cannot be read: File name too long"),
        ({"tracking": {"name": "off", "wait": 1e308}}, "tracking.wait=1e+308: must be less than"),
        ({"plan_only": 0}, "must be true or false (did you mean false?)"),
        ({"network": {"hidden": "4, 2"}}, "(did you mean [4,2]?)"),
        ({"network": {"hidden": "8"}}, "(did you mean [8]?)"),
        ({"lr": (0.1,)}, "lr=[0.1]: must be a number (did you mean 0.1?)"),
        ({"lr": "0,03"}, "(did you mean 0.03?)"),
        ({"budget": "1,000,000"}, "(did you mean 1000000?)"),
        ({"budget": "20k"}, "(did you mean 20000?)"),
        ({"target": {"value": "95%"}}, "(did you mean 0.95?)"),
        ({"tracking": {"name": False}}, "(did you mean off?)"),
        ({"lr": 2e100}, "lr=2e+100: must lie between -1e+100 and 1e+100"),
        ({"lr": 10**150}, "must lie between -1e+100 and 1e+100"),
        (
            {"init": {"name": "uniform", "low": -1.5e308, "high": 1.5e308}},
            "init.high=1.5e+308: must lie between -1e+100 and 1e+100",
        ),
        ({"init": {"name": "normal", "std": 1e308}}, "init.std=1e+308: must lie between"),
        ({"seed": -1}, "seed=-1: must be greater than or equal to 0"),
        ({"report": {"name": "html", "margin": 0}}, "report.margin=0: is a share, above 0 and"),
        ({"report": {"name": "html", "margin": 7}}, "below 1 (0.07 for 7%)"),
        ({"report": {"name": "html", "margin": "7%"}}, "must be a number (did you mean 0.07?)"),
    ],
)
def test_each_rule_names_the_key_the_value_and_the_remedy(changes, message):
    found = issues(**changes)
    assert any(message in issue for issue in found), found


def test_free_text_has_no_word_for_nothing():
    assert issues(name=None) == ["name=null: must be text"]


def test_a_target_that_cannot_hold_for_so_many_evaluations_is_refused():
    (issue,) = issues(batch_size=400)
    assert issue == (
        "target.hold=3: cannot be met with 2 evaluations, which is what evals=10 gives over 2 "
        "updates (give a larger budget or a smaller batch_size, or target.hold=2)"
    )
    (issue,) = issues(evals=2)
    assert "with 2 evaluations" in issue
    assert issue.endswith("(give evals more, or target.hold=2)")
    target = {"metric": "accuracy", "value": 0.95, "hold": 2}
    assert read(config(evals=2, target=target)).setting.target.hold == 2


def test_regression_needs_a_loss_target_and_gets_a_linear_output():
    tabular = {"data": {"name": "diabetes"}, "features": {"name": "terms", "terms": None}}
    assert "is not defined for regression" in issues(**tabular)[0]
    target = {"metric": "test_loss", "value": 0.3}
    assert read(config(**tabular, target=target)).setting.network.output == "linear"
    loss = {"name": "binary_crossentropy"}
    assert "needs classes" in issues(**tabular, target=target, loss=loss)[0]


def test_a_label_of_many_whole_numbers_is_told_how_to_become_classes(tmp_path):
    path = tmp_path / "letters.csv"
    path.write_text("x,kind\n" + "".join(f"{i},{i % 26 + 1}\n" for i in range(78)))
    tabular = {"name": "table", "path": str(path), "label": "kind"}
    shared = {"features": {"name": "terms", "terms": None}}
    (issue,) = issues(data=tabular, **shared)
    assert issue == (
        "target.metric=accuracy: is not defined for regression (use target.metric=test_loss "
        "target.value=..., or data.task=classification if the label's numbers are classes)"
    )
    job = read(config(data={**tabular, "task": "classification"}, **shared))
    assert len(job.setting.problem.outputs) == 26
    loss = {"name": "binary_crossentropy"}
    assert "data.task=classification" in issues(data=tabular, **shared, loss=loss)[1]


def test_equal_settings_have_one_id_however_they_are_written():
    raw = read(config(features={"name": "terms", "terms": None})).setting
    spelled = read(
        config(features={"name": "terms", "terms": ["x", "y"]}, seed=9, seeds=1, name="other")
    ).setting
    assert raw == spelled
    assert raw.id == spelled.id
    assert read(config(lr=0.030001)).setting.id != read(config()).setting.id


def test_labels_use_the_last_part_of_a_key_where_that_is_clear():
    a, b = read(config()).setting.flat, read(config(lr=0.1, network={"hidden": [4]})).setting.flat
    varying = varying_keys([a, b])
    assert varying == ["lr", "network.hidden"]
    assert label(b, varying) == "lr=0.1 hidden=[4]"
    assert label(a, []) == "data=xor hidden=[2,1]"


def test_what_a_sweep_must_share_may_not_vary():
    with pytest.raises(InputError, match="name: cannot vary within a sweep"):
        require_one_sweep([read(config()), read(config(name="b"))])


def test_every_registered_entry_has_its_conf_file_and_every_file_its_entry():
    for group, registry in REGISTRIES.items():
        files = {
            path.stem: yaml.safe_load(path.read_text()) for path in (CONF / group).glob("*.yaml")
        }
        assert files.keys() >= set(registry)
        # features has several presets of one entry; some files are global: they choose, too
        assert {file.get(group, file)["name"] for file in files.values()} == set(registry)


@pytest.mark.parametrize(
    "path", sorted(CONF.glob("*/*.yaml")), ids=lambda p: f"{p.parent.name}/{p.stem}"
)
def test_every_key_of_every_conf_file_is_known(path):
    text = yaml.safe_load(path.read_text())
    text.pop("defaults", None)
    sections = text if "# @package _global_" in path.read_text() else {path.parent.name: text}
    for section, values in sections.items():
        for key in values:
            assert key == "name" or f"{section}.{key}" in known_keys()


def test_jobs_of_a_sweep_share_what_is_made_of_equal_sections():
    known = {}
    one = read(config(lr=0.1), known).setting
    two = read(config(lr=0.2), known).setting
    assert one.init is two.init
    assert one.data is two.data
    other = read(config(init={"name": "uniform", "low": -2, "high": 1.0}), known).setting
    assert other.init.low == -2
    # a section that is equal to Python, but is another
    shuffled = {"data": {"name": "xor", "n_train": 4, "shuffle": True}}
    assert read(config(**shuffled), known).setting.data.shuffle is True
    shuffled["data"]["shuffle"] = 1
    for _ in range(2):
        with pytest.raises(InputError, match="must be true or false"):
            read(config(**shuffled), known)
    assert read(config(lr=0.1), known) == read(config(lr=0.1))


def test_a_sweep_of_too_many_trials_is_refused():
    jobs = [read(config(lr=lr / 100, seeds=1_000_000)) for lr in range(1, 12)]
    require_one_sweep(jobs[:10])
    with pytest.raises(InputError) as raised:
        require_one_sweep(jobs)
    assert str(raised.value) == (
        "seeds: makes 11,000,000 trials of 11 settings, and a sweep has at most 10,000,000 "
        "(use fewer seeds, or start several sweeps)"
    )
