"""Whatever is typed for a group or a key: composed as it is meant, or refused with the remedy."""

import pytest
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf.errors import InterpolationResolutionError
from yaml import YAMLError

from nnrun import layout as places
from nnrun.__main__ import _complain
from nnrun.config.read import known_keys
from nnrun.errors import InputError, did_you_mean
from nnrun.hydra_ext.callback import Check, Refused
from nnrun.hydra_ext.check import check_jobs
from nnrun.hydra_ext.complaints import in_our_words
from nnrun.hydra_ext.compose import Composer
from nnrun.hydra_ext.invoke import told
from nnrun.hydra_ext.loader import TRUSTED, Loader
from nnrun.hydra_ext.planning import plan_sweep
from nnrun.launch.terminal import announce
from nnrun.records.sweep import MARGIN
from nnrun.trials.forecast import Forecast, wanted
from tests.hydra_app import hydra_app

STUDIES = {
    "small": "network: {hidden: [4]}\nhydra: {mode: MULTIRUN, sweeper: {params: {lr: '0.1,0.2'}}}",
    "big": "network: {hidden: [8]}\nhydra: {mode: MULTIRUN, sweeper: {params: {lr: '0.5,1'}}}",
    "pairs": "sweep: {zip: [lr, batch_size]}\n"
    "hydra: {sweeper: {params: {lr: '0.1,0.2', batch_size: '1,2'}}}",
    "tuned": "sweep: {tune: {lr: [0.1, 0.2]}}",
    "folder": "hydra: {sweeper: {params: {lr: '1,2'}}, sweep: {dir: mine}}",
    "nomode": "hydra: {sweeper: {params: {lr: '0.1,0.2'}}}",
    "options": "hydra: {mode: MULTIRUN, sweeper: {params: {optimizer: 'adam,nadam'}}}",
    "nullparam": "hydra: {sweeper: {params: {clip.norm: null, lr: '0.1,0.2', keep_state: true}}}",
    "yamllist": "hydra: {sweeper: {params: {lr: [0.1, 0.2]}}}",
    "yamllists": "hydra: {sweeper: {params: {network.hidden: [[4], [8, 2], '[3]']}}}",
    "names": "hydra: {sweeper: {params: {optimizer: [adam, sgd], clip.value: [null, 1]}}}",
    "novalues": "hydra: {sweeper: {params: {lr: []}}}",
    "nested": "hydra: {sweeper: {params: {experiments: 'small,big'}}}",
    "interpolated": "lr: ${nothing}",
    "tab": "\tlr: 0.1",
    "relative": "defaults: [optimizer: adam]",
    "noslash": "defaults: [override optimizer: adam]",
    "number": "defaults: [override /optimizer: 4]",
    "string": "optimizer: adam\nlr: 0.1",
    "beta": "optimizer: {beta1: 0.8}",
}
WITHOUT_HEAD = {
    "nohead": "lr: 0.1\nnetwork: {hidden: [4]}",
    "nohead2": "defaults: [override /optimizer: adam]\nlr: 0.1",
}


@pytest.fixture(scope="module")
def loader(tmp_path_factory):
    own = tmp_path_factory.mktemp("own")
    (own / "experiments").mkdir()
    for name, text in STUDIES.items():
        (own / "experiments" / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")
    for name, text in WITHOUT_HEAD.items():
        (own / "experiments" / f"{name}.yaml").write_text(f"{text}\n")
    with hydra_app():
        path = create_config_search_path(str(places.conf()))
        path.prepend("own", f"file://{own}")
        yield Loader(path)
        GlobalHydra.instance().clear()


def composed(loader, *overrides, mode=RunMode.RUN):
    return loader.load_configuration("config", list(overrides), mode)


@pytest.mark.parametrize("report", ["html", "off"])
def test_a_margin_is_asked_for_with_a_page_and_without(loader, report):
    assert composed(loader, f"report={report}").report.margin == MARGIN
    assert composed(loader, f"report={report}", "report.margin=0.2").report.margin == 0.2


def planned(loader, *overrides):
    master = composed(loader, *overrides, mode=RunMode.MULTIRUN)
    return master, plan_sweep(loader, master, list(master.hydra.overrides.task))


@pytest.mark.parametrize("rest", ["sweep.tune_race=false", "sweep.tune_seeds=5"])
def test_how_to_tune_is_not_said_in_vain(loader, rest):
    said = refusal(planned, loader, "lr=0.1,0.2", rest)
    assert said.startswith(f"{rest}: says how values are chosen, and nothing is tuned")
    assert planned(loader, "batch_size=1,2", rest, "sweep.tune={lr:[0.1,1]}")[1].tuning


def settings(loader, *overrides):
    """Return the settings of a sweep's jobs, as ``-m`` makes them."""
    master, plan = planned(loader, *overrides)
    return [job.setting for job in check_jobs(Composer(loader, master), master, plan.jobs, first=0)]


def refusal(act, *arguments):
    """Return the one line or more that a user sees."""
    with pytest.raises((InputError, HydraException)) as raised:
        act(*arguments)
    return str(in_our_words(raised.value))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("network=[4,4]", "network=[4,4]: must be the name of an option of the group 'network' "
         "(did you mean network.hidden=[4,4]?)"),
        ("network=4", "(did you mean network.hidden=[4]?)"),
        ("features=[x,y,1]", "(did you mean features.terms=[x,y,1]?)"),
        ("features=[x,y]", "(did you mean features.terms=[x,y]?)"),
        ("executor=4", "(did you mean executor.workers=4?)"),
        ("optimizer=null", "optimizer=null: must be the name of an option of the group 'optimizer' "
         "(known: adadelta, adagrad, adam,"),
        ("data=null", "data=null: must be the name"),
        ("experiments=null", "experiments=null: must be the name of an option of the group "
         "'experiments' (leave it out for no study)"),
        ("experiments={lr:1}", "experiments={lr:1}: must be the name"),
        ("data=[1,1]", "data=[1,1]: must be the name"),
        ("data=[]", "data=[]: must be the name"),
        ("optimizer=", "optimizer=: must be the name"),
        ("loss=-1e308", "loss=-1e+308: must be the name"),
        ("tracking=false", "(did you mean 'off'?)"),
        ("report=null", "(did you mean 'off'?)"),
        ("tracking=true", "(did you mean 'mlflow'?)"),
        ("hydra/launcher=null", "hydra/launcher=null: must be the name"),
        ("data=[xor,moons]", "data=[xor,moons]: takes one option, and of several the last would "
         "count (for a sweep over them: -m data=xor,moons)"),
        ("experiments=[small,big]", "-m experiments=small,big"),
        ("data=flowers.csv", "(did you mean data=table data.path=flowers.csv data.label=COLUMN?)"),
        ("data=./t/flowers.csv", "(did you mean data=table data.path=./t/flowers.csv data.label="),
        ("data=/t/flowers.csv", "(did you mean data=table data.path=/t/flowers.csv data.label="),
        ("experiments=mine_alone", "; yours: --config-dir FOLDER experiments=NAME for "
         "FOLDER/experiments/NAME.yaml)"),
        ("experiments=my/experiments/mine.yaml", "experiments=my/experiments/mine.yaml: is not an "
         "option of the group 'experiments' (known: "),
        ("optimizer=SGD", "optimizer=SGD: is not an option of the group 'optimizer' "
         "(did you mean 'sgd'?)"),
        ("data=XOR", "(did you mean 'xor'?)"),
        ("data=Breast-Cancer", "(did you mean 'breast_cancer'?)"),
        ("loss=mse", "(did you mean 'squared_error'?)"),
        ("loss=CrossEntropy", "(did you mean 'binary_crossentropy'?)"),
        ("init=xavier", "(did you mean 'glorot'?)"),
        ("init=kaiming", "(did you mean 'he'?)"),
        ("data=make_moons", "(did you mean 'moons'?)"),
        ("optimizer@here=adam", "optimizer@here: is not a known key (write optimizer=...)"),
    ],
)  # fmt: skip
def test_a_groups_value_is_an_option_or_the_remedy_is_named(loader, override, said):
    found = refusal(composed, loader, override)
    assert said in found
    assert "Search path" not in found
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("network=[4],[8]", "(did you mean network.hidden=[4],[8]?)"),
        ("network=4,8", "(did you mean network.hidden=[4],[8]?)"),
        ("features=[x,y],[x,y,x*y]", "(did you mean features.terms=[x,y],[x,y,x*y]?)"),
        ("optimizer=adam,null", "optimizer=null: must be the name"),
        ("optimizer=range(1,3)", "optimizer=range(1,3): must be the name"),
        ("data=[xor,moons],gate", "takes one option"),
    ],
)
def test_each_swept_value_of_a_group_is_an_option(loader, override, said):
    assert said in refusal(settings, loader, override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("optimizer.beta1=0.9", "optimizer.beta1: optimizer=sgd has no beta1 "
         "(adam, adamw, lion and nadam have)"),
        ("loss.delta=1", "loss.delta: loss=squared_error has no delta (huber has)"),
        ("features.degree=2", "features=product has no degree (fourier and polynomial have)"),
        ("data.path=x.csv", "data.path: data=xor has no path (table has)"),
        ("optimizer={beta1:1,a:1}", "optimizer.beta1: optimizer=sgd has no beta1"),
        ("target={valu:1}", "target.valu: is not a known key (did you mean 'target.value'?)"),
        ("random_state=1", "random_state: is not a known key (did you mean 'seed'?)"),
        ("learning_rate=1", "(did you mean 'lr'?)"),
        ("learning_rat=1", "(did you mean 'lr'?)"),
        ("LR=1", "(did you mean 'lr'?)"),
        ("optimizer.lr=1", "(did you mean 'lr'?)"),
        ("trainer.max_epochs=3", "(did you mean 'budget'?)"),
        ("hidden=[4]", "(did you mean 'network.hidden'?)"),
        ("hidden_layer_sizes=[4]", "(did you mean 'network.hidden'?)"),
        ("n_jobs=4", "(did you mean 'executor.workers'?)"),
        ("output_dir=x", "(did you mean 'hydra.run.dir'?)"),
        ("dataset=xor", "(did you mean 'data'?)"),
        ("weight_decay=0.1", "(did you mean 'penalties.weight_decay'?)"),
        ("foo.bar=3", "foo.bar: is not a known key (known: animate,"),
        ("lr.x=3", "lr.x: is not a known key"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_there_is_told_from_one_of_another_option(loader, override, said):
    assert said in refusal(composed, loader, override)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("hydra.job.num=x", "Value 'x' of type 'str' could not be converted to Integer"),
        ("hydra.job.foo=1", "Key 'foo' not in 'JobConf' (Hydra's keys are in --hydra-help)"),
        ("hydra.job.env_set={A:b}", "Key 'A' is not in struct (Hydra's keys are in --hydra-help)"),
    ],
)
def test_what_is_wrong_with_a_key_of_hydra_s_is_said(loader, override, said):
    found = refusal(composed, loader, override)
    assert found.partition(": ")[2] == said


def test_no_suggestion_is_what_was_typed():
    for key in known_keys():
        assert f"'{key}'" not in did_you_mean(key, known_keys())
    assert did_you_mean("x", ["x"]) == ""


def test_all_wrong_keys_are_listed_at_once(loader):
    found = refusal(composed, loader, "lrr=1", "lr=2", "optimizer.beta1=1")
    assert found.splitlines() == [
        "lrr: is not a known key (did you mean 'lr'?)",
        "optimizer.beta1: optimizer=sgd has no beta1 (adam, adamw, lion and nadam have)",
    ]


@pytest.mark.parametrize(
    ("overrides", "keys", "values"),
    [
        (["optimizer=adam,nadam", "optimizer.beta1=0.8"],
         ["optimizer.name", "optimizer.beta1"], [("adam", 0.8), ("nadam", 0.8)]),
        (["init=glorot,he", "init.distribution=normal"],
         ["init.name", "init.distribution"], [("glorot", "normal"), ("he", "normal")]),
        (["data=iris,wine", "data.test_share=0.3"],
         ["data.name", "data.test_share"], [("iris", 0.3), ("wine", 0.3)]),
        (["experiments=options", "optimizer.beta1=0.8"],
         ["optimizer.name", "optimizer.beta1"], [("adam", 0.8), ("nadam", 0.8)]),
        (["optimizer=glob(ada*,exclude=adag*)", "optimizer.epsilon=0.5"],
         ["optimizer.name", "optimizer.epsilon"],
         [("adadelta", 0.5), ("adam", 0.5), ("adamw", 0.5)]),
    ],
)  # fmt: skip
def test_a_sweep_over_a_group_takes_the_keys_of_its_options(loader, overrides, keys, values):
    found = [tuple(setting.flat[key] for key in keys) for setting in settings(loader, *overrides)]
    assert found == values


def test_a_sweep_names_the_option_that_lacks_a_key(loader):
    found = refusal(settings, loader, "optimizer=adam,sgd", "optimizer.beta1=0.8")
    assert found.splitlines() == [
        "1 of 2 jobs cannot run, so none was trained:",
        "  #1 optimizer=sgd optimizer.beta1=0.8",
        "    optimizer.beta1: optimizer=sgd has no beta1 (adam, adamw, lion and nadam have)",
    ]


def test_what_all_jobs_break_is_said_once(loader):
    found = refusal(settings, loader, "optimizer=adam,nadam", "lrr=1")
    assert found == "lrr: is not a known key (did you mean 'lr'?)"
    # no job has a part in this section: it must not get lost
    found = refusal(settings, loader, "optimizer=adam,nadam", "sweep.zipp=[a,b]")
    assert found == "sweep.zipp: is not a known key (did you mean 'sweep.zip'?)"


def test_the_master_of_such_a_sweep_keeps_what_was_typed(loader):
    typed = ["optimizer=adam,nadam", "optimizer.beta1=0.8", "lr=0.5"]
    master = composed(loader, *typed, mode=RunMode.MULTIRUN)
    assert master.hydra.overrides.task == typed
    assert master.lr == 0.5


def test_studies_of_one_sweep_keep_their_grids(loader):
    found = [(s.network.hidden, s.lr) for s in settings(loader, "experiments=small,big")]
    assert found == [((4,), 0.1), ((4,), 0.2), ((8,), 0.5), ((8,), 1.0)]
    crossed = settings(loader, "experiments=small,big", "batch_size=1,2", "lr=3")
    assert [(s.network.hidden, s.lr, s.batch_size) for s in crossed] == [
        ((4,), 3.0, 1), ((4,), 3.0, 2), ((8,), 3.0, 1), ((8,), 3.0, 2),
    ]  # fmt: skip
    zipped = settings(loader, "experiments=pairs,big")
    assert [(s.lr, s.batch_size) for s in zipped] == [(0.1, 1), (0.2, 2), (0.5, 1), (1.0, 1)]


def test_studies_of_ours_keep_their_grids_in_one_sweep(loader):
    shipped = settings(loader, "experiments=learning_rate,perceptron", "name=x")
    assert [(s.data.name, s.lr) for s in shipped] == [
        ("xor", 0.01), ("xor", 0.03), ("xor", 0.1), ("gate", 1.0), ("gate", 1.0), ("gate", 1.0),
    ]  # fmt: skip
    assert [s.flat["data.gate"] for s in shipped[3:]] == ["and", "or", "xor"]


def test_studies_that_cannot_share_a_sweep_are_refused(loader):
    assert refusal(settings, loader, "experiments=small,folder") == (
        "experiments=[small,folder]: differ in what a sweep has once: hydra.sweep.dir "
        "(start one sweep for each)"
    )
    assert refusal(settings, loader, "experiments=small,tuned") == (
        "experiments=[small,tuned]: tune other values each (start one sweep for each)"
    )


@pytest.mark.parametrize(
    ("study", "key", "values"),
    [
        ("nullparam", "clip.norm", [None, None]),
        ("nullparam", "keep_state", [True, True]),
        ("yamllist", "lr", [0.1, 0.2]),
        ("yamllists", "network.hidden", [[4], [8, 2], [3]]),
        ("names", "optimizer.name", ["adam", "adam", "sgd", "sgd"]),
        ("names", "clip.value", [None, 1.0, None, 1.0]),
    ],
)
def test_a_grid_in_yaml_means_what_yaml_means(loader, study, key, values):
    found = [setting.flat[key] for setting in settings(loader, f"experiments={study}")]
    assert found == values


def test_a_grid_without_values_is_refused(loader):
    assert refusal(settings, loader, "experiments=novalues") == (
        "hydra.sweeper.params.lr=[]: must be one value or several"
    )


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["experiments=nomode"], "experiments=nomode: has a sweep in hydra.sweeper.params, and "
         "this is a single run (add -m; for a single run hydra.sweeper.params=null)"),
        (["experiments=nohead"], "its file begins with '# @package _global_'"),
        (["experiments=string"], "optimizer=adam: must be an option of the group 'optimizer' "
         "(in a study: 'defaults: [override /optimizer: adam]')"),
        (["experiments=interpolated"], "Interpolation key 'nothing' not found"),
        (["experiments=beta"], "optimizer.beta1=0.8: optimizer=sgd has no beta1 "
         "(adam, adamw, lion and nadam have)"),
    ],
)  # fmt: skip
def test_a_study_that_is_not_meant_so_is_refused(loader, overrides, said):
    config = composed(loader, *overrides)
    with pytest.raises(Refused) as left:
        Check().on_run_start(config)
    assert left.value.code == 2
    assert said in str(left.value.error)


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ("relative", "experiments/optimizer/adam: is no file of options "
         "(in a study: 'override /optimizer: adam')"),
        ("noslash", "(in a study: 'override /optimizer: ...')"),
        ("number", "Supported: string or list"),
    ],
)  # fmt: skip
def test_a_studys_defaults_are_what_hydra_takes(loader, study, said):
    found = refusal(composed, loader, f"experiments={study}", "hydra.mode=RUN")
    assert said in found
    assert "path" not in found
    assert "hydra.mode" not in found


def test_a_study_that_is_no_yaml_names_its_line(loader):
    with pytest.raises(YAMLError, match=r"tab.yaml"):
        composed(loader, "experiments=tab")


def test_a_studys_grid_has_no_studies(loader):
    assert refusal(settings, loader, "experiments=nested") == (
        "hydra.sweeper.params.experiments=small,big: a study has no other studies in its grid "
        "(-m experiments=A,B)"
    )


def test_anothers_sweeper_is_given_one_study(loader):
    several = ["experiments=small,big", "hydra/sweeper=basic"]
    with pytest.raises(Refused) as left:
        Check().on_multirun_start(composed(loader, *several, mode=RunMode.MULTIRUN))
    assert "experiments=small,big: keep their grids in nnrun's" in str(left.value.error)


def test_a_study_without_its_first_line_may_not_compose(loader):
    assert "a study's file begins with '# @package _global_'" in refusal(
        composed, loader, "experiments=nohead2"
    )


def test_a_study_with_a_grid_may_be_run_once(loader, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    once = composed(loader, "experiments=nomode", "hydra.sweeper.params=null")
    Check().on_run_start(once)


def test_what_hydra_stumbles_over_is_no_traceback(loader):
    for override in ("network.hidden.x=3", "~data=4", "++data=xor"):
        found = refusal(composed, loader, override)
        assert len(found.splitlines()) == 1


def test_ranges_are_told_where_they_are_rounded(loader):
    _, plan = planned(loader, "lr=range(0.1,0.4,0.1)", "seeds=range(1,3)")
    if TRUSTED:  # Hydra counts in decimals from 1.4 on
        assert plan.notes == ()
        assert [job[0] for job in plan.jobs[::2]] == ["lr=0.1", "lr=0.2", "lr=0.3"]
    else:
        assert plan.notes == (
            "lr=range(0.1,0.4,0.1) is rounded to 0.1, 0.2, 0.30000000000000004, 0.4; "
            "for exact steps: lr=0.1,0.2,0.3",
        )
        assert len(plan.jobs) == 8
    assert planned(loader, "lr=range(0.5,2,0.5)")[1].notes == ()


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["lr=range(0.1,inf,0.1)"], "lr=range(0.1,inf,0.1): needs ends and a step that are finite"),
        (["lr=range(1,5,0)"], "lr=range(1,5,0): needs a step other than 0"),
        (["lr=range(5,1)"], "lr=range(5,1,1): has no values"),
        (["seed=range(0,1000000000)"], "has 1,000,000,000 values, and here a range"),
        (["seed=range(0,10000)", "lr=range(1,1000)"], "sweep: makes 9,990,000 settings, and a"),
        (["lr=1,2", "sweep.random=100000000"], "sweep.random: draws 100,000,000 settings"),
    ],
)
def test_grids_without_end_or_values_are_refused(loader, overrides, said):
    assert said in refusal(settings, loader, *overrides)


def test_what_needs_quotes_is_shown_in_quotes(loader):
    assert refusal(composed, loader, "data.path=größe.csv") == (
        "'data.path=größe.csv': cannot be read: it has characters that Hydra takes only in quotes "
        """(quote it for the shell and for Hydra: 'data.path="größe.csv"')"""
    )


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("lr:0.1", "did you mean lr=0.1?"),
        ("lr", "without spaces around '=' and ',', as in lr=VALUE"),
        ("0.2", "without spaces around '=' and ','"),
    ],
)
def test_what_has_no_equals_sign_is_told_how_a_key_is_set(loader, typed, hint):
    assert refusal(composed, loader, typed) == f"'{typed}': must be written key=value ({hint})"


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("network.hidden=(4,4)", "(did you mean network.hidden=[4,4]?)"),
        ("network.hidden=(4,)", "(did you mean network.hidden=[4]?)"),
        ("lr=0.1,0.2,", "(did you mean lr=0.1,0.2?)"),
        (
            "data.path=f(a,b).csv",
            """(quote it for the shell and for Hydra: 'data.path="f(a,b).csv"')""",
        ),
        ("lr=linspace(0,1,3)", " (give the values, a,b,c, or range(FROM,TO,STEP))"),
        ("data.path=a,b.csv", """; one name with a comma in it: 'data.path="a,b.csv"')"""),
    ],
)
def test_a_remedy_is_one_that_hydra_reads(loader, typed, hint):
    assert refusal(composed, loader, typed).endswith(hint)


@pytest.mark.parametrize("part", ["run", "sweep"])
def test_results_may_go_to_the_home_folder(loader, part, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    config = composed(loader, f'hydra.{part}.dir="~/results"')
    assert config.hydra[part].dir == "/home/ada/results"


def test_a_decimal_comma_is_told_from_a_sweep(loader):
    assert "; a decimal number has a point: lr=0.03)" in refusal(composed, loader, "lr=0,03")
    for several in ("lr=0.1,0.2", "seed=1,2", "network.hidden=2,1"):
        assert "decimal" not in refusal(composed, loader, several)


@pytest.mark.parametrize("raised", [PermissionError(13, "Permission denied", "outputs"),
                                    OSError(30, "Read-only file system", "outputs")])  # fmt: skip
def test_a_folder_that_cannot_be_written_has_a_way_round(capsys, raised):
    wrapped = InterpolationResolutionError("while resolving")
    wrapped.__cause__ = raised
    for error in (raised, wrapped):
        assert _complain(told(error, [])) == 1
        said = capsys.readouterr().err
        assert said == (
            f"error: outputs: {raised.strerror} (choose another folder: hydra.run.dir=FOLDER, "
            "for a sweep hydra.sweep.dir=FOLDER)\n"
        )
    assert _complain(OSError(28, "No space left on device")) == 1
    assert "hydra" not in capsys.readouterr().err


def test_equal_settings_are_told_in_the_plan(loader, capsys):
    master, plan = planned(loader, "lr=0.1,0.10,1e-1", "budget=100", "seeds=2", "cache=off")
    jobs = check_jobs(Composer(loader, master), master, plan.jobs, first=0)
    todo = wanted(jobs)
    announce(list(todo.values()), Forecast(2, 0, 1.0, False), 1, "Into x")
    said = capsys.readouterr().out
    assert said.startswith("1 setting × 2 seeds = 2 trials")
    assert "3 jobs ask for them: equal settings are trained once." in said
    announce(list(wanted(jobs[:1]).values()), Forecast(2, 0, 1.0, False), 1, "Into x")
    assert "jobs" not in capsys.readouterr().out
