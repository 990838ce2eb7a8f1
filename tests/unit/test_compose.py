"""Composition: whatever Hydra would compose, quickly."""

import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException, HydraException
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError

from nnrun.hydra_ext import compose
from nnrun.hydra_ext.compose import Composer
from tests.hydra_app import App, hydra_app

GROUPS = [
    "features=raw",
    "features=product",
    "data=gate",
    "data=iris",
    "data=table",
    "optimizer=adam",
    "network=perceptron",
    "loss=binary_crossentropy",
    "tracking=off",
    "~schedule",
    "~optimizer=sgd",
]
VALUES = [
    "lr=0.30000000000000004",
    "lr=1e-7",
    "lr=null",
    "batch_size=4",
    "batch_size=${seeds}",
    "seeds=7",
    "target.value=0.5",
    "target={value:0.5,hold:2}",
    "target=${network}",
    "network.hidden=[4,4]",
    "network.hidden=[]",
    "network.hidden=3",
    "network.activation=[tanh,${network.output}]",
    "features.terms=[x,'x y']",
    "features.terms=null",
    "name='it is, \"quoted\": 1'",
    "name=${hydra:job.name}",
    "name=\\${lr}",
    "data.shuffle=false",
    "data.path=flowers.csv",
    "+data.noise=0.1",
    "+extra={a:1,b:[1,{c:2}]}",
    "++lr=0.5",
    "++data.n_train=16",
    "~target.hold",
    "~target",
    "~lr=0.03",
]
HYDRA = [
    "hydra.job.name=joe",
    "hydra.verbose=true",
    "hydra.sweep.subdir=${lr}_${hydra.job.num}",
    "+hydra.job.env_set.NNRUN_TEST=${lr}",
    "~hydra.job.env_set",
    "hydra/job_logging=disabled",
    "hydra.job.config.override_dirname.exclude_keys=[lr]",
    "hydra.job.config.override_dirname.item_sep=${name}",
]
WRONG = [
    "lrr=3",
    "data=nope",
    "data=3",
    "lr.x=1",
    "lr=1,2",
    "+lr=3",
    "~nothing",
    "lr=[1",
    "gone@a=b",
]
jobs = st.lists(
    st.sampled_from(GROUPS)
    | st.sampled_from(VALUES)
    | st.sampled_from(HYDRA)
    | st.builds("lr={!r}".format, st.floats(allow_nan=False))
    | st.builds("seeds={}".format, st.integers()),
    max_size=7,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("compose"))
        with hydra_app("lr=0.1,0.2", "hydra.job.config.override_dirname.kv_sep=-") as app:
            yield app


def by_hydra(app: App, overrides: list[str], number: int) -> DictConfig:
    config = app.loader.load_sweep_config(app.master, overrides)
    config.hydra.job.id = str(number)
    config.hydra.job.num = number
    return config


def described(node: Any) -> Any:
    """Return everything about a node: its type, declared types, flags and content."""
    meta = node._metadata
    about = (type(node), meta.ref_type, meta.object_type, meta.optional, meta.key, meta.flags)
    content = node.__dict__.get("_content")
    if isinstance(node, DictConfig) and isinstance(content, dict):
        parts: Any = [(key, described(child)) for key, child in content.items()]
    elif isinstance(node, ListConfig) and isinstance(content, list):
        parts = [described(child) for child in content]
    else:
        parts = node._value()
    return about, parts


def outcome(compose: Any) -> Any:
    """Return what was composed, or the error in a form that can be compared."""
    try:
        return compose()
    except Exception as error:
        # Hydra 1.4 says at which place of all that was typed an error is
        text = re.sub(r"^Error when parsing index: .*\n", "", str(error))
        return type(error), text, type(error.__cause__), str(error.__cause__)


def compare(app: App, overrides: list[str], number: int) -> None:
    theirs = outcome(lambda: by_hydra(app, overrides, number))
    ours = outcome(lambda: app.composer.job(overrides, number).config)
    if isinstance(theirs, tuple):
        assert ours == theirs
        assert outcome(lambda: app.composer.values(overrides)) == theirs
        return
    assert OmegaConf.to_container(ours) == OmegaConf.to_container(theirs)
    assert OmegaConf.to_yaml(ours) == OmegaConf.to_yaml(theirs)
    assert described(ours) == described(theirs)
    assert OmegaConf.get_cache(ours) == OmegaConf.get_cache(theirs)
    own = OmegaConf.masked_copy(theirs, [key for key in theirs if key != "hydra"])
    OmegaConf.copy_cache(from_config=app.master, to_config=own)
    values = outcome(lambda: OmegaConf.to_container(own, resolve=True))
    assert repr(outcome(lambda: app.composer.values(overrides))) == repr(values)
    job = app.composer.job(overrides, number)
    assert repr(job.task) == repr(OmegaConf.to_container(own))
    hydra = OmegaConf.to_container(theirs.hydra, enum_to_str=True)
    assert repr(job.hydra) == repr(hydra)
    for key in ("sweep.subdir", "job.env_set", "output_subdir"):
        node = OmegaConf.select(theirs, f"hydra.{key}")
        wanted = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
        assert job.get(key) == wanted


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # an example takes too long to be made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(overrides=jobs, number=st.integers(0, 10**6))
def test_a_job_is_what_hydra_composes_whichever_jobs_came_before(app, overrides, number):
    compare(app, overrides, number)


@pytest.mark.parametrize("override", [*VALUES, *HYDRA, *WRONG])
def test_each_kind_of_override_alone_and_with_others(app, override):
    compare(app, [override], 3)
    compare(app, ["optimizer=adam", "lr=0.7", override, "target.value=0.9"], 4)


def test_what_a_job_gets_is_its_own(app):
    overrides = ["network.hidden=[4,4]", "+extra={a:[1]}"]
    config, values = app.composer.job(overrides, 1).config, app.composer.values(overrides)
    config.network.hidden.append(9)
    config.extra.a.append(2)
    config.hydra.job.name = "changed"
    config.hydra.overrides.task.append("x")
    values["network"]["hidden"].append(9)
    values["target"].clear()
    compare(app, overrides, 1)
    compare(app, ["network.hidden=[4,4]"], 2)


def test_jobs_resolve_the_sweeps_folder_to_the_same_one(app):
    folder = app.master.hydra.sweep.dir
    assert app.composer.job(["lr=0.1"], 0).config.hydra.sweep.dir == folder
    assert app.composer.job(["data=gate"], 1).config.hydra.sweep.dir == folder


def test_groups_are_composed_once_for_all_their_values(app, monkeypatch):
    composer = Composer(app.loader, app.master)
    composed = []
    load = app.loader.load_sweep_config
    monkeypatch.setattr(
        app.loader, "load_sweep_config", lambda *a: composed.append(a[1]) or load(*a)
    )
    for i in range(30):
        overrides = [f"lr={i}", f"data={'xor' if i % 2 else 'gate'}", "network.hidden=[3]"]
        assert composer.values(overrides)["lr"] == i
        assert composer.job(overrides, i).config.lr == i
    assert composed == [["data=gate"], ["data=xor"]]


def test_jobs_that_differ_in_numbers_need_nothing_of_omegaconf(app, monkeypatch):
    named = by_hydra(app, ["lr=0.1"], 0)["tracking"]
    assert OmegaConf.is_interpolation(named, "uri")  # to the environment
    expected = [app.composer.values([f"lr={lr}", "network.hidden=[3]"]) for lr in (0.1, 0.2)]
    with monkeypatch.context() as patch:
        patch.setattr(OmegaConf, "to_container", None)
        patch.setattr(OmegaConf, "update", None)
        again = [app.composer.values([f"lr={lr}", "network.hidden=[3]"]) for lr in (0.1, 0.2)]
    assert again == expected
    assert [values["lr"] for values in again] == [0.1, 0.2]
    assert again[0]["tracking"]["uri"] == named.uri


def test_only_so_many_choices_of_groups_are_remembered(app):
    composer = Composer(app.loader, app.master, most_kept=2)
    for choice in ("xor", "gate", "iris", "xor"):
        assert composer.values([f"data={choice}"])["data"]["name"] == choice
    assert composer._shared.cache_info().currsize == 2


def test_interpolations_see_the_jobs_values_and_types_are_kept(tmp_path, monkeypatch):
    @dataclass
    class Schema:  # of a class that cannot be pickled
        count: int = 1
        sizes: list[int] = field(default_factory=lambda: [1])

    monkeypatch.chdir(tmp_path)
    ConfigStore.instance().store(name="schema", node=Schema)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "config.yaml").write_text(
        "defaults: [schema@typed, _self_]\n"
        "count: ${typed.count}\n"
        "double: ${count}${count}\n"
        "again: ${inner}\n"
        "inner: {deep: '${..count}', when: '${now:%f}'}\n"
        "from_hydra: ${hydra.job.name}\n"
    )
    with hydra_app(conf=tmp_path / "conf", name="app") as app:
        when = app.master.inner.when
        for overrides in (
            ["typed.count=3", "typed.sizes=[2,3]"],
            ["typed.count='4'"],
            ["typed.count=no"],
            ["typed.sizes=[a]"],
            ["again.deep=5"],
            ["inner.deep=7", "~again", "count=8"],
            ["from_hydra=x"],
        ):
            compare(app, overrides, 5)
        fixed = ["typed.count=3", "from_hydra=x"]
        values = app.composer.values(fixed)
        assert values["double"] == "33"
        assert values["again"]["deep"] == 3
        assert values["inner"]["when"] == when
        with pytest.raises(InterpolationKeyError):
            app.composer.values(["typed.count=3"])


def test_a_wrong_key_is_refused_without_composing_again(app, monkeypatch):
    app.composer.values([])
    monkeypatch.setattr(app.loader, "load_sweep_config", None)
    with pytest.raises(ConfigCompositionException, match="Could not override 'lrr'"):
        app.composer.values(["lrr=0.1"])


NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?[0-9_.e+-]{1,6}", fullmatch=True),
)


@settings(deadline=None, derandomize=True, max_examples=150)
@given(
    key=st.sampled_from(["lr", "optimizer.beta1", "a.b_c.d2", "a-b", "+lr", "lr@x"]), number=NUMBERS
)
def test_numbers_are_read_as_hydras_grammar_reads_them(key, number):
    line = f"{key}={number}"
    try:
        (theirs,) = OverridesParser.create().parse_overrides([line])
    except HydraException:
        with pytest.raises(HydraException):
            compose.parsed(line)
        return
    ours = compose.parsed(line)
    assert ours == theirs
    assert repr(ours.value()) == repr(theirs.value())


def test_what_many_jobs_break_alike_is_put_into_words_once(app, monkeypatch):
    composer, said = Composer(app.loader, app.master), []
    words = compose.wrong_keys
    monkeypatch.setattr(compose, "wrong_keys", lambda *a: said.append(a[1]) or words(*a))

    def refused(*overrides):
        with pytest.raises(ConfigCompositionException) as raised:
            composer.values(overrides)
        return str(composer.refusal(overrides, raised.value))

    told = [refused("lr=1", f"optimizer.momentum=0.{i}") for i in range(1, 9)]
    assert set(told) == {
        "optimizer.momentum: optimizer=sgd has no momentum (momentum and nesterov have)"
    }
    assert len(said) == 1
    assert "optimizer=adam has no momentum" in refused("optimizer=adam", "optimizer.momentum=0.1")
    assert "optimizer.momentm" in refused("lr=1", "optimizer.momentm=0.1")
    assert len(said) == 3
