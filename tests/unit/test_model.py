"""Loaded networks: what they compute, take and refuse, whatever file they are from."""

import csv
import json
import math
from dataclasses import dataclass, replace
from zipfile import ZipFile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.neural_network import MLPClassifier, MLPRegressor

import nnrun.problem.split_tables  # noqa: F401  (registers its sets)
from nnrun.config.settings import Network
from nnrun.errors import InputError
from nnrun.model import NeuralNetwork, load_network
from nnrun.model.__main__ import main
from nnrun.model.learning import State
from nnrun.model.load import network_facts
from nnrun.network.activations import ACTIVATIONS, Activation, LeakyRelu, Linear, Sigmoid
from nnrun.network.losses import SquaredError
from nnrun.network.mlp import Architecture, Layer
from nnrun.problem.feature_sets import Fourier, Polynomial, Terms
from nnrun.problem.features import InputMap
from nnrun.problem.planar_generators import Xor
from nnrun.problem.problem import DATA, Task
from nnrun.problem.table import Table
from nnrun.records.networks import read_networks
from nnrun.records.saved import Saved
from nnrun.training.stack import Stack, Trial
from tests.conftest import make_setting, run

PLANE = ("x", "y")


def described(layers, activations, inputs=PLANE, outputs=("label",), **changes):
    """The content of a JSON file, as its description says and by hand."""
    return {
        "format": "nnrun.network",
        "version": 1,
        "task": "binary" if len(outputs) == 1 else "multiclass",
        "inputs": list(inputs),
        "encoder": None,
        "features": {
            "entry": {"name": "terms", "terms": None, "standardise": False},
            "inputs": list(inputs),
            "names": list(inputs),
            "shift": None,
            "scale": None,
        },
        "sizes": [len(inputs), *(len(bias) for _, bias in layers)],
        "activations": [a if isinstance(a, dict) else {"name": a} for a in activations],
        "shortcut": False,
        "bias": True,
        "outputs": list(outputs),
        "boundary": 0.5,
        "seed": 4,
        "layers": [
            {"weights": np.asarray(w).tolist(), "bias": np.asarray(b).tolist()} for w, b in layers
        ],
        **changes,
    }


@pytest.fixture
def written(tmp_path):
    """Write what ``described`` says and return the path."""

    def write(facts, name="net.json"):
        path = tmp_path / name
        path.write_text(json.dumps(facts))
        return path

    return write


def trained(folder, seeds=(3, 5), **changes):
    """Train some seeds of a setting and write them as a record; return it with the trials."""
    setting = make_setting(**changes)
    result = run(Stack(tuple(Trial(setting, seed) for seed in seeds)))
    write_record(folder, result.params, seeds, setting)
    return setting, result


def write_record(folder, params, seeds, setting, **meta):
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for i, layer in enumerate(params):
        arrays |= {f"params/{i}/weights": layer.weights, f"params/{i}/bias": layer.bias}
    facts = {
        "schema": 1,
        "setting": setting.id,
        "config": setting.flat,
        "samples": setting.budget,
        "engine": "reference",
        "task": str(setting.problem.task),
        "error": None,
        "network": network_facts(setting),
        **meta,
    }
    arrays["meta"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    np.savez(folder / "record.npz", seeds=np.array(seeds), **arrays)


def refusal(call, *arguments, **keys):
    with pytest.raises(InputError) as caught:
        call(*arguments, **keys)
    return str(caught.value)


XOR_BY_HAND = [([[1, 1], [1, 1]], [0, -1]), ([[1], [-2]], [0])]
"""relu(x + y) - 2 relu(x + y - 1)."""


# What a network computes


def test_xor_by_hand(written):
    model = load_network(written(described(XOR_BY_HAND, ["relu", "linear"])))
    X = np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0.5, 0.25]])
    assert model.predict(X).tolist() == [[0], [1], [1], [0], [0.75]]
    assert model.classify(X).tolist() == [0, 1, 1, 0, 1]
    hidden, outputs = model.forward(X, layers=True)
    assert hidden.tolist() == [[0, 0], [1, 0], [1, 0], [2, 1], [0.75, 0]]
    assert outputs.tolist() == model.predict(X).tolist()
    assert (model.sizes, model.n_params, model.seed) == ((2, 2, 1), 9, 4)


def test_shortcuts_by_hand(written):
    # 2 (x + y) + 3 x + 5 y + 7
    layers = [([[1], [1]], [0]), ([[2], [3], [5]], [7])]
    model = load_network(written(described(layers, ["linear", "linear"], shortcut=True)))
    assert model.predict([1, 10]).tolist() == [[2 * 11 + 3 + 50 + 7]]


def test_fields_of_activations_are_kept(written):
    facts = described([([[1]], [0])], [{"name": "leaky_relu", "slope": 0.25}], inputs=["x"])
    model = load_network(written(facts))
    assert model.predict([-4.0, 8.0]).tolist() == [[-1], [8]]
    assert model.architecture.activations == (LeakyRelu(slope=0.25),)


@pytest.mark.parametrize("activation", ["tanh", "relu", "logistic", "identity"])
def test_scikit_learn_classifiers_say_the_same(written, activation):
    data = load_iris()
    fit = MLPClassifier((7, 5), activation=activation, max_iter=30, random_state=1)
    with pytest.warns(match="Maximum iterations"):
        fit.fit(data.data, data.target)
    ours = {"logistic": "sigmoid", "identity": "linear"}.get(activation, activation)
    layers = list(zip(fit.coefs_, fit.intercepts_, strict=True))
    inputs, outputs = data.feature_names, data.target_names.tolist()
    facts = described(layers, [ours, ours, "softmax"], inputs, outputs)
    model = load_network(written(facts))
    np.testing.assert_allclose(model.predict(data.data), fit.predict_proba(data.data), rtol=1e-10)
    assert (model.classify(data.data) == data.target_names[fit.predict(data.data)]).all()


def test_scikit_learn_regressors_say_the_same(written):
    rng = np.random.default_rng(3)
    X = rng.normal(size=(50, 3))
    fit = MLPRegressor(hidden_layer_sizes=(6,), activation="tanh", max_iter=20, random_state=1)
    with pytest.warns(match="Maximum iterations"):
        fit.fit(X, X[:, 0] * X[:, 1])
    layers = list(zip(fit.coefs_, fit.intercepts_, strict=True))
    facts = described(layers, ["tanh", "linear"], "abc", ["q"], task="regression")
    np.testing.assert_allclose(load_network(written(facts)).predict(X)[:, 0], fit.predict(X))


def test_json_is_all_that_another_language_needs(tmp_path):
    features = Terms(("x", "y", "x*y"), standardise=True)
    net = Network(hidden=(3, 2), activation="tanh", output="sigmoid", shortcut=True)
    trained(tmp_path, features=features, network=net)
    model = load_network(tmp_path, seed=5)
    facts = json.loads(model.save(tmp_path / "net.json").read_text())

    def plain_python(x, y):
        made = {"x": x, "y": y, "x*y": x * y}
        scaled = zip(facts["features"]["shift"], facts["features"]["scale"], strict=True)
        first = [
            (made[name] - shift) / scale
            for name, (shift, scale) in zip(facts["features"]["names"], scaled, strict=True)
        ]
        functions = {"tanh": math.tanh, "sigmoid": lambda z: 1 / (1 + math.exp(-z))}
        values = first
        for i, layer in enumerate(facts["layers"]):
            gets = values + first if i else values
            function = functions[facts["activations"][i]["name"]]
            values = [
                function(b + sum(g * row[j] for g, row in zip(gets, layer["weights"], strict=True)))
                for j, b in enumerate(layer["bias"])
            ]
        return values

    X = np.random.default_rng(0).random((20, 2))
    expected = [plain_python(*map(float, row)) for row in X]
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-12)


def random_model(names, features, hidden, activation, shortcut, rng, **changes):
    made = features.names(names)
    shapes, fan_in = [], len(made)
    for size in (*hidden, 2):
        shapes.append((fan_in, size))
        fan_in = size + (len(made) if shortcut else 0)
    params = tuple(
        Layer(rng.normal(size=(1, *s)) * 2, rng.normal(size=(1, 1, s[1]))) for s in shapes
    )
    facts = {
        "inputs": names,
        "outputs": ("a", "b"),
        "task": Task.MULTICLASS,
        "architecture": Architecture((ACTIVATIONS[activation](),) * len(shapes), shortcut),
        "input_map": InputMap(features, names, made),
        "encoder": None,
        "boundary": 0.5,
        "seed": None,
        "setting": None,
        "config": {},
        "seen": None,
    }
    params = changes.pop("params", params)
    return NeuralNetwork.described("was made up", 1, State(params), **(facts | changes))


@settings(max_examples=60, deadline=None)
@given(
    features=st.sampled_from([Terms(), Polynomial(degree=3), Fourier(degree=2)]),
    hidden=st.lists(st.integers(1, 40), max_size=3),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    shortcut=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_a_row_is_the_same_alone_and_among_others(features, hidden, activation, shortcut, seed):
    rng = np.random.default_rng(seed)
    model = random_model(PLANE, features, hidden, activation, shortcut, rng)
    X = rng.normal(size=(23, 2)) * np.exp(3 * rng.normal(size=(23, 1)))
    alone = np.concatenate([model.predict(row) for row in X])
    np.testing.assert_array_equal(model.predict(X), alone)
    np.testing.assert_array_equal(model.predict(X[::-3]), alone[::-3])
    np.testing.assert_array_equal(model.predict(np.tile(X, (200, 1))), np.tile(alone, (200, 1)))


def test_no_rows_make_no_outputs(written):
    model = load_network(written(described(XOR_BY_HAND, ["relu", "linear"])))
    assert model.predict(np.empty((0, 2))).shape == (0, 1)


# What X may be


def test_columns_go_by_name(written):
    layers = [([[1], [100]], [0])]
    model = load_network(written(described(layers, ["linear"], inputs=["size", "age"])))
    frame = pd.DataFrame({"age": [2, 3], "note": ["a", "b"], "size": [1, 5]})
    assert model.predict(frame).tolist() == [[201], [305]]
    assert model.predict(frame.iloc[0]).tolist() == [[201]]
    assert model.predict([[1, 2]]).tolist() == [[201]]
    said = refusal(model.predict, frame.rename(columns={"size": "siez"}))
    assert said == "column=size: is needed (did you mean 'siez'?)"
    # another input is no remedy, though its name is near
    near = load_network(written(described(layers, ["linear"], inputs=["fare", "age"])))
    assert refusal(near.predict, pd.DataFrame({"fare": [1]})) == "column=age: is needed"
    frame = pd.DataFrame({"fare": [1], "Age": [2]})
    assert refusal(near.predict, frame) == "column=age: is needed (did you mean 'Age'?)"
    twice = pd.DataFrame([[1, 2, 3]], columns=["age", "size", "size"])
    assert refusal(model.predict, twice) == "column=size: is there 2 times"
    assert "has shape (1, 3); it must be (n, 2): size, age" in refusal(model.predict, [[1, 2, 3]])
    assert "must hold numbers" in refusal(model.predict, [["one", "two"]])


@pytest.mark.parametrize(
    "ask", [NeuralNetwork.predict, NeuralNetwork.classify, NeuralNetwork.forward]
)
def test_what_is_not_finite_is_refused_by_row_and_column(written, ask):
    model = load_network(written(described(XOR_BY_HAND, ["relu", "linear"])))
    rows = [[0, 1], [1, 0], [1, 1]]
    for value, said in ((math.nan, "has no value"), (None, "has no value")):
        bad = [*rows, [0, value]]
        assert refusal(ask, model, bad) == f"column=y: {said} in row 3"
    for value in (math.inf, -math.inf):
        assert refusal(ask, model, [value, 1]) == "column=x: is infinite in row 0"
    both = [[1, math.inf], [math.nan, math.nan]]
    assert refusal(ask, model, both) == (
        "column=x: has no value in row 1\ncolumn=y: is infinite in row 0"
    )
    # rows of a table go by its index, whatever type its numbers have
    frame = pd.DataFrame(rows, columns=PLANE, index=["a", "b", "c"])
    for kind, missing in ((float, math.nan), ("Int64", pd.NA), (object, None)):
        gap = frame.astype(kind)
        gap.loc["b", "x"] = missing
        assert refusal(ask, model, gap) == "column=x: has no value in row b"
        assert refusal(ask, model, gap.loc["b"]) == "column=x: has no value in row b"
    assert len(ask(model, frame.astype("Int64"))) == len(ask(model, rows))


def test_numbers_out_of_range_are_not_the_network_s_fault(written):
    features = {"entry": {"name": "terms", "terms": ["x", "x*y"], "standardise": False}}
    features |= {"inputs": PLANE, "names": ["x", "x*y"], "shift": None, "scale": None}
    large = described([([[1e10], [0]], [0])], ["linear"], features=features)
    model = load_network(written(large))
    said = refusal(model.predict, pd.DataFrame({"x": [1, 1e200], "y": [1, 1e200]}, index=[5, 6]))
    assert said.startswith("feature=x*y: is infinite or undefined in row 6")
    said = refusal(model.classify, pd.DataFrame({"x": [1, 1e300], "y": 0}, index=[5, 6]))
    assert "no finite output of row 6" in said
    assert said.endswith("(its values are too large)")


def test_a_table_s_values_are_finite_too(tmp_path):
    trained(tmp_path, **table_setting(tmp_path, label="price", drop=("kind",)))
    model = load_network(tmp_path)
    assert np.isfinite(model.predict(TABLE)).all()
    for ask in (model.predict, model.forward):
        said = refusal(ask, TABLE.assign(size=[1, 2, 3, -math.inf, 5, 6, 7, 8]))
        assert said == "column=size: is infinite in row 3"


def test_a_model_in_short(written, tmp_path):
    facts = described(XOR_BY_HAND, ["relu", "linear"], setting="34a01aa9c9")
    model = load_network(written(facts))
    assert repr(model) == "NeuralNetwork(2-[2]-1 relu, linear, seed 4, setting 34a01aa9c9)"
    steep = [{"name": "leaky_relu", "slope": 0.25}] * 2
    unknown = described(XOR_BY_HAND, steep, seed=None)
    assert repr(load_network(written(unknown))) == "NeuralNetwork(2-[2]-1 leaky_relu(slope=0.25))"
    setting, _ = trained(tmp_path / "run")
    said = repr(load_network(tmp_path / "run"))
    assert said == f"NeuralNetwork(3-[2,1]-1 sigmoid, seed 3, setting {setting.id})"


def test_classes_of_a_tanh_network_part_at_zero(tmp_path):
    net = Network(hidden=(4,), activation="tanh", output="tanh")
    trained(tmp_path, network=net, loss=SquaredError(targets="plus_minus"))
    model = load_network(tmp_path)
    outputs = model.predict([[0.1, 0.2], [0.8, 0.1], [0.4, 0.9]])
    assert model.boundary == 0
    assert model.classify([[0.1, 0.2], [0.8, 0.1], [0.4, 0.9]]).tolist() == [
        int(value >= 0) for value in outputs[:, 0]
    ]


def test_a_diverged_network_has_outputs_and_no_classes(written, tmp_path):
    facts = described([([[math.inf], [1]], [math.nan])], ["linear"])
    model = load_network(written(facts))
    assert np.isnan(model.predict([1, 1])).all()
    said = refusal(model.classify, [1, 1])
    assert "no finite output of row 0" in said
    assert said.endswith("(the training diverged)")
    assert "is not finite" in refusal(model.save, tmp_path / "again.json")
    assert np.isnan(load_network(model.save(tmp_path / "again.npz")).predict([1, 1])).all()


def test_a_regression_has_no_classes(written):
    facts = described([([[1], [1]], [0])], ["linear"], task="regression")
    assert "has no classes (use predict)" in refusal(load_network(written(facts)).classify, [1, 1])


# Tables


TABLE = pd.DataFrame(
    {
        "size": [1.5, 2.5, 1.0, 3.5, None, 3.0, 2.0, 4.5],
        "colour": ["red", "blue", "red", None, "red", "green", "blue", "red"],
        "fresh": [True, False, True, True, False, False, True, True],
        "code": [1, 10, 2, 1, 1, 2, 10, 1],
        "price": [10.0, 30.5, 8.0, 41.0, 22.5, 35.0, 24.0, 50.5],
        "kind": ["a", "b", "a", "b", "a", "b", "a", "b"],
    }
)


def table_setting(folder, **keys):
    TABLE.to_csv(folder / "t.csv", index=False)
    data = Table(path=str(folder / "t.csv"), missing="impute", categorical=("code",), **keys)
    output = "linear" if keys["label"] == "price" else "sigmoid"
    net = Network(hidden=(3,), output=output)
    return {"data": data, "features": Terms(), "network": net, "budget": 40, "evals": 3}


def test_raw_columns_become_what_training_saw(tmp_path):
    setting, result = trained(tmp_path, **table_setting(tmp_path, label="kind", drop=("price",)))
    model = load_network(tmp_path, seed=5)
    assert model.inputs == ("size", "colour", "fresh", "code")
    assert model.features == (
        "size",
        *("colour=blue", "colour=green", "colour=red"),
        "fresh",
        *("code=1", "code=2", "code=10"),
    )
    problem = setting.problem
    both = np.concatenate([problem.pool.inputs, problem.held_out.inputs])
    # the same rows, bit by bit, in the order of the table; shuffled columns, with others
    seen = model.network_inputs(TABLE[["kind", "code", "fresh", "price", "colour", "size"]])
    assert sorted(map(tuple, seen)) == sorted(map(tuple, both))
    assert model.classes == ("a", "b")
    assert set(model.classify(TABLE)) <= {"a", "b"}
    hidden = 1 / (1 + np.exp(-(seen @ result.params[0].weights[1] + result.params[0].bias[1])))
    z = hidden @ result.params[1].weights[1] + result.params[1].bias[1]
    np.testing.assert_allclose(model.predict(TABLE), 1 / (1 + np.exp(-z)), rtol=1e-12)


def test_encoding_by_hand(tmp_path):
    trained(tmp_path, **table_setting(tmp_path, label="price", drop=("kind", "code")))
    model = load_network(tmp_path)
    problem = make_setting(**table_setting(tmp_path, label="price", drop=("kind", "code"))).problem
    held = {tuple(row) for row in problem.held_out.inputs}
    seen = model.network_inputs(TABLE)
    train = np.array([tuple(row) not in held for row in seen])
    known = TABLE["size"][train].dropna()
    filled = TABLE["size"].fillna(known.median())
    expected = (filled - filled[train].mean()) / filled[train].std(ddof=0)
    np.testing.assert_allclose(seen[:, 0], expected, rtol=1e-12)
    commonest = TABLE["colour"][train].dropna().value_counts()
    at_most = sorted(commonest.index[commonest == commonest.max()])[0]
    row = pd.DataFrame({"size": [None], "colour": [None], "fresh": [False]})
    values = model.network_inputs(row)[0]
    middle = (known.median() - filled[train].mean()) / filled[train].std(ddof=0)
    colours = [float(c == at_most) for c in ("blue", "green", "red")]
    np.testing.assert_allclose(values, [middle, *colours, 0], rtol=1e-12, atol=1e-15)


def test_a_linear_fit_of_a_table_is_in_the_label_s_unit(tmp_path):
    x = np.arange(12.0)
    y = 3 * x + 100 + np.sin(x)
    pd.DataFrame({"x": x, "y": y}).to_csv(tmp_path / "t.csv", index=False)
    setting = make_setting(
        data=Table(path=str(tmp_path / "t.csv"), label="y"),
        features=Terms(),
        network=Network(hidden=(), output="linear"),
    )
    pool = setting.problem.pool
    slope = float(np.corrcoef(pool.inputs[:, 0], pool.targets[:, 0])[0, 1])
    layer = Layer(np.array([[[slope]]]), np.zeros((1, 1, 1)))
    write_record(tmp_path / "run", (layer,), [0], setting)
    model = load_network(tmp_path / "run")
    rows = np.isclose(y[:, None], model.encoder.decode(pool.targets[:, 0])).any(axis=1)
    assert rows.sum() == len(pool.inputs)
    line = np.polynomial.Polynomial.fit(x[rows], y[rows], 1)
    np.testing.assert_allclose(model.predict(x)[:, 0], line(x), rtol=1e-10)


def test_what_a_table_network_refuses(tmp_path):
    trained(tmp_path, **table_setting(tmp_path, label="kind", drop=("price",)))
    model = load_network(tmp_path)
    row = TABLE.iloc[[1]]
    assert model.predict(row.assign(size=None)).shape == (1, 1)
    assert "column=colour: is needed" in refusal(model.predict, row.drop(columns="colour"))
    said = refusal(model.predict, row.assign(colour="mauve", size="large"))
    assert said == (
        "column=size: must be numbers, and holds 'large' in row 1\n"
        "column=colour: holds 'mauve' in row 1, which was not among its values in training "
        "(known: blue, green, red)"
    )
    assert "column=size: is infinite in row 1" in refusal(model.predict, row.assign(size=np.inf))
    # nothing was to be imputed
    plain = TABLE.dropna()
    plain.to_csv(tmp_path / "whole.csv", index=False)
    whole = Table(path=str(tmp_path / "whole.csv"), label="kind", drop=("price",))
    trained(tmp_path / "whole", data=whole, features=Terms(), budget=40, evals=2)
    strict = load_network(tmp_path / "whole")
    said = refusal(strict.predict, row.assign(size=None))
    assert said == (
        "column=size: has no value in row 1 "
        "(data.missing=impute trains networks that take such rows)"
    )


def test_categories_go_by_their_names_whatever_type_they_come_in(tmp_path):
    trained(tmp_path, **table_setting(tmp_path, label="kind", drop=("price",)))
    model = load_network(tmp_path)
    for codes in ([1, 10], [1.0, 10.0], ["1", "10"]):
        values = model.network_inputs(TABLE.iloc[:2].assign(code=codes))
        assert values[:, -3:].tolist() == [[1, 0, 0], [0, 0, 1]]
    # an array in the order of inputs is as good as a table
    cells = TABLE[list(model.inputs)].to_numpy(dtype=object)
    np.testing.assert_array_equal(model.predict(cells), model.predict(TABLE))


def test_bundled_sets_take_their_own_columns(tmp_path):
    net = Network(hidden=(4,), output="softmax")
    data = DATA["iris"]()
    trained(tmp_path, data=data, features=Terms(), network=net, budget=120, evals=2)
    model = load_network(tmp_path)
    frame = load_iris(as_frame=True).frame
    assert model.classes == ("setosa", "versicolor", "virginica")
    np.testing.assert_array_equal(
        model.predict(frame), model.predict(frame[list(model.inputs)].to_numpy())
    )
    assert model.classify(frame).shape == (150,)


# Files


finite = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=50, deadline=None)
@given(numbers=st.lists(finite, min_size=9, max_size=9))
def test_numbers_come_back_bit_by_bit(tmp_path_factory, numbers):
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    values = np.array(numbers)
    layers = (
        Layer(values[:4].reshape(1, 2, 2), values[4:6].reshape(1, 1, 2)),
        Layer(values[6:8].reshape(1, 2, 1), values[8:].reshape(1, 1, 1)),
    )
    model = random_model(
        *(PLANE, Terms(), [2], "tanh", False, rng),
        params=layers,
        outputs=("out",),
        task=Task.BINARY,
        architecture=Architecture((LeakyRelu(0.3), Sigmoid())),
        seed=7,
    )
    for ending in ("json", "npz"):
        again = load_network(model.save(folder / f"net.{ending}"))
        assert b"".join(p.tobytes() for layer in again.weights for p in layer) == b"".join(
            p.tobytes() for layer in layers for p in layer
        )
        assert again.architecture == model.architecture
        assert (again.seed, again.features, again.outputs) == (7, PLANE, ("out",))
    with model.to_csv(folder / "net.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["layer"], row["from"], row["to"]) for row in rows] == [
        *[("1", name, unit) for unit in ("unit1", "unit2") for name in ("x", "y", "bias")],
        *[("2", name, "out") for name in ("unit1", "unit2", "bias")],
    ]
    in_order = values[[0, 2, 4, 1, 3, 5, 6, 7, 8]]
    assert np.array([float(row["weight"]) for row in rows]).tobytes() == in_order.tobytes()


def test_a_saved_table_network_needs_no_table(tmp_path):
    trained(tmp_path, **table_setting(tmp_path, label="price", drop=("kind",)))
    model = load_network(tmp_path)
    expected = model.predict(TABLE)
    (tmp_path / "t.csv").unlink()
    for ending in ("json", "npz"):
        again = load_network(model.save(tmp_path / f"net.{ending}"))
        np.testing.assert_array_equal(again.predict(TABLE), expected)
        assert again.encoder == model.encoder
        assert (again.setting, again.samples) == (model.setting, 40)


def test_seeds_of_a_record(tmp_path):
    _, result = trained(tmp_path / "run", seeds=(3, 5))
    for row, seed in enumerate((3, 5)):
        model = load_network(tmp_path / "run" / "record.npz", seed=seed)
        assert model.seed == seed
        for mine, theirs in zip(model.weights, result.params, strict=True):
            np.testing.assert_array_equal(mine.weights, theirs.weights[row])
            np.testing.assert_array_equal(mine.bias, theirs.bias[row, 0])
    assert load_network(tmp_path / "run").seed == 3
    assert "seed=4: is not in" in refusal(load_network, tmp_path / "run", seed=4)
    assert "(known: 3, 5)" in refusal(load_network, tmp_path / "run", seed=4)


def test_a_sweep_has_several_networks_to_choose_from(tmp_path):
    trained(tmp_path / "0", lr=0.1)
    assert load_network(tmp_path).samples == 400
    trained(tmp_path / "1", lr=0.3)
    said = refusal(load_network, tmp_path)
    assert said.endswith("holds 2 jobs (take the folder of one: 0 lr=0.1; 1 lr=0.3)")
    assert load_network(tmp_path / "1").config["lr"] == 0.3


def test_files_that_are_no_networks(tmp_path, written):
    setting = make_setting()
    (tmp_path / "empty").mkdir()
    write_record(tmp_path / "failed", (), [0], setting, error="Traceback")
    (tmp_path / "text.npz").write_text("not a zip file")
    (tmp_path / "text.json").write_text("{")
    (tmp_path / "table.csv").write_text("x,y\n1,2\n")
    (tmp_path / "nothing.npz").touch()
    np.save(tmp_path / "array.npy", np.eye(2))
    np.savez(tmp_path / "objects.npz", seeds=np.array([{"a": 1}], dtype=object))
    with ZipFile(tmp_path / "texts.npz", "w") as archive:
        archive.writestr("seeds", "[0]")
    trained(tmp_path / "cut")
    whole = (tmp_path / "cut" / "record.npz").read_bytes()
    (tmp_path / "cut" / "record.npz").write_bytes(whole[: len(whole) // 2])
    neither = "is not a readable network: it does not begin as an archive of arrays (it takes a"
    good = described(XOR_BY_HAND, ["relu", "linear"])
    ragged = described([([[1, 2], [3, 4]], [0, 0]), ([[1]], [0])], ["relu", "linear"])
    unsure = {key: value for key, value in good.items() if key != "outputs"}
    cases = {
        tmp_path / "nowhere": "is not there; looked in",
        tmp_path / "empty": "holds no record.npz",
        tmp_path / "failed": "has no network: its training failed",
        tmp_path / "text.npz": neither,
        tmp_path / "table.csv": neither,
        tmp_path / "nothing.npz": "is not a readable network: it is empty",
        tmp_path / "array.npy": neither,
        tmp_path / "objects.npz": "'seeds' is no array of plain numbers",
        tmp_path / "texts.npz": "'seeds' is no array of plain numbers",
        tmp_path / "cut": "its end is missing, or something follows it",
        tmp_path / "text.json": "is not a readable network: it is no JSON",
        written({**good, "version": 9}, "a.json"): "this one reads 1 (update nnrun)",
        written(ragged, "b.json"): "has 1 rows of weights in layer 2, which gets 2 values",
        written(unsure, "c.json"): "does not say what its network is: 'outputs' is missing",
        written({**good, "layers": []}, "d.json"): "has no layers in it",
        written(
            {**good, "activations": [{"name": "relo"}, {"name": "linear"}]}, "e.json"
        ): "did you mean 'relu'?",
    }
    for path, message in cases.items():
        said = refusal(load_network, path)
        assert message in said
        assert "pickle" not in said
    model = load_network(written(good))
    assert "unknown ending '.txt'" in refusal(model.save, tmp_path / "net.txt")
    assert "cannot be written: No such" in refusal(model.save, tmp_path / "no" / "net.json")


@dataclass(frozen=True)
class Doubled(Activation):
    """A user's own activation."""

    factor: float = 2.0

    def forward(self, z):
        return self.factor * z

    def backward(self, grad, z, a):
        return self.factor * grad


def test_a_user_s_own_activation_comes_from_its_module(tmp_path, written):
    own = {"_target_": "tests.unit.test_model.Doubled", "factor": 3}
    model = load_network(written(described([([[1], [1]], [0])], [own])))
    assert model.predict([1, 10]).tolist() == [[33]]
    again = json.loads(model.save(tmp_path / "again.json").read_text())
    assert again["activations"] == [own]


# Starting from a saved network


def test_a_network_starts_where_another_ended(tmp_path):
    setting, result = trained(tmp_path, seeds=(3, 5))
    inputs, sizes = ("x", "y", "x*y"), (2, 1, 1)
    saved = Saved(path=str(tmp_path))
    for seed, row in ((3, 0), (5, 1), (8, 0)):  # its own, or the first
        for mine, theirs in zip(saved.params(seed, inputs, sizes), result.params, strict=True):
            np.testing.assert_array_equal(mine.weights, theirs.weights[[row]])
            np.testing.assert_array_equal(mine.bias, theirs.bias[[row]])
    chosen = Saved(path=str(tmp_path), seed=5).params(3, inputs, sizes)
    np.testing.assert_array_equal(chosen[0].weights, result.params[0].weights[[1]])
    # the same network, however its inputs are listed: it ends where it began with a tiny rate
    other = replace(setting, features=Terms(("x*y", "y", "x")), init=saved, lr=1e-300)
    again = run(Stack((Trial(other, 5),)))
    np.testing.assert_array_equal(again.params[0].weights[0], result.params[0].weights[1][::-1])


def test_rows_of_shortcuts_go_by_name_too(tmp_path):
    net = Network(hidden=(2,), output="sigmoid", shortcut=True)
    _, result = trained(tmp_path, network=net)
    saved = Saved(path=str(tmp_path)).params(3, ("x*y", "x", "y"), (2, 1), shortcut=True)
    last = result.params[1].weights[0, :, 0]
    assert saved[1].weights[0, :, 0].tolist() == last[[0, 1, 4, 2, 3]].tolist()


def test_what_a_saved_network_cannot_start(tmp_path, written):
    trained(tmp_path / "run")
    saved = Saved(path=str(tmp_path / "run"))
    inputs = ("x", "y", "x*y")
    assert refusal(saved.require_fit, inputs, (5, 1)).endswith(
        "holds a network of layers 3 x 2, 2 x 1, 1 x 1, and this one has 3 x 5, 5 x 1"
    )
    assert refusal(saved.require_fit, ("x", "y", "noise"), (2, 1, 1)).endswith(
        "holds a network of inputs x, y, x*y, and this one has x, y, noise"
    )
    assert "network.bias=false" in refusal(saved.params, 0, inputs, (2, 1, 1), bias=False)
    assert "seed=9: is not in" in refusal(Saved, path=str(tmp_path / "run"), seed=9)
    assert "is not there" in refusal(Saved, path=str(tmp_path / "nowhere"))
    diverged = written(described([([[math.nan], [1]], [0])], ["linear"]))
    assert "its training diverged" in refusal(Saved, path=str(diverged))


def test_bare_layers_will_do_to_start_from(written):
    path = written({"layers": [{"weights": [[1, 2], [3, 4]], "bias": [5, 6]}]})
    (layer,) = Saved(path=str(path)).params(0, ("anything", "else"), (2,))
    assert layer.weights.tolist() == [[[1, 2], [3, 4]]]
    assert layer.bias.tolist() == [[[5, 6]]]


def test_the_digest_tells_parameters_apart(tmp_path):
    trained(tmp_path / "a")
    trained(tmp_path / "b")
    trained(tmp_path / "c", lr=0.3)
    of = {name: Saved(path=str(tmp_path / name)).digest for name in "abc"}
    assert of["a"] == of["b"] != of["c"]
    one = Saved(path=str(tmp_path / "a"), seed=5)
    load_network(tmp_path / "a", seed=5).save(tmp_path / "five.json")
    assert one.digest == Saved(path=str(tmp_path / "five.json"), seed=5).digest
    assert one.digest != Saved(path=str(tmp_path / "a"), seed=3).digest
    # a file that changed is read again
    trained(tmp_path / "a", lr=0.3)
    assert Saved(path=str(tmp_path / "a")).digest == of["c"]
    assert read_networks(tmp_path / "a").seeds.tolist() == [3, 5]


# The command line


def test_the_command_tells_saves_and_predicts(tmp_path, capsys):
    trained(tmp_path / "run")
    assert main([str(tmp_path / "run"), "--seed", "5"]) == 0
    told = capsys.readouterr().out
    for line in (
        "network   3-[2,1]-1, 13 parameters",
        "task      binary: 1 from 0.5 on, else 0",
        "inputs    x, y\n",
        "features  x, y, x*y",
        "layers    2 sigmoid, 2 x 1 sigmoid",
        "trained   400 samples, seed 5",
        "seeds     3, 5",
    ):
        assert line in told
    table, out = tmp_path / "table.csv", tmp_path / "predictions.csv"
    table.write_text("note,y,x\na,0.25,0.75\nb,0.5,0.5\n")
    for name in ("net.json", "net.npz", "net.csv"):
        assert main([str(tmp_path / "run"), "--save", str(tmp_path / name)]) == 0
    again = [str(tmp_path / "net.json"), "--predict", str(table)]
    assert main([*again, "--out", str(out)]) == 0
    rows = list(csv.reader(out.read_text().splitlines()))
    expected = load_network(tmp_path / "run").predict([[0.75, 0.25], [0.5, 0.5]])
    assert [row[0] for row in rows] == ["row", "2", "3"]
    assert [float(row[1]) for row in rows[1:]] == expected[:, 0].tolist()
    capsys.readouterr()
    assert main(again) == 0
    assert capsys.readouterr().out == out.read_text()


def test_the_command_says_what_is_wrong(tmp_path, capsys):
    trained(tmp_path / "run")
    (tmp_path / "t.csv").write_text("x\n1\n")
    (tmp_path / "gap.csv").write_text("x,y\n1,2\n\n3,\n")
    run_folder = str(tmp_path / "run")
    for arguments, message in (
        ([str(tmp_path / "no")], "is not there"),
        ([run_folder, "--seed", "77"], "(known: 3, 5)"),
        (
            [run_folder, "--save", str(tmp_path / "net.txt")],
            "unknown ending '.txt' (known: .json, .npz, .csv)\n",
        ),
        ([str(tmp_path / "t.csv")], "or a .npz or .json file of NeuralNetwork.save"),
        ([run_folder, "--predict", str(tmp_path / "gap.csv")], "column=y: has no value in row 4"),
        ([run_folder, "--predict", str(tmp_path / "t.csv")], "column=y: is needed"),
        ([run_folder, "--predict", str(tmp_path / "no.csv")], "is not there"),
    ):
        assert main(arguments) == 2
        told = capsys.readouterr()
        assert told.err.startswith("error: ")
        assert message in told.err
        assert not told.out


def test_the_command_refuses_a_file_for_no_predictions(tmp_path, capsys):
    trained(tmp_path / "run")
    with pytest.raises(SystemExit, match="2"):
        main([str(tmp_path / "run"), "--out", str(tmp_path / "q.csv")])
    told = capsys.readouterr()
    assert "argument --out: it is where --predict writes" in told.err
    assert not told.out
    assert not (tmp_path / "q.csv").exists()


def test_help_says_which_row_is_which(tmp_path, capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "`row` is a row's number in the table's file" in told
    # as it says: the header is row 1; empty rows count, and have no outputs
    trained(tmp_path / "run")
    (tmp_path / "t.csv").write_text("x,y\n1,2\n\n3,4\n")
    assert main([str(tmp_path / "run"), "--predict", str(tmp_path / "t.csv")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(",")[0] for line in lines] == ["row", "2", "4"]


def test_models_of_generated_data_are_described_without_a_table():
    setting = make_setting(data=Xor(noise=0.1), network=Network(hidden=(), output=Linear()))
    facts = network_facts(setting)
    assert facts["inputs"] == ["x", "y"]
    assert facts["encoder"] is None
    assert facts["sizes"] == [3, 1]
    assert facts["activations"] == [{"name": "linear"}]


def test_a_component_that_names_itself_is_saved_by_where_it_stands():
    from dataclasses import dataclass

    from nnrun.config.components import to_section
    from nnrun.network.activations import Activation

    @dataclass(frozen=True)
    class Mine(Activation):
        name = "shout"
        loud: float = 2.0

    target = f"{__name__}.{Mine.__qualname__}"
    assert to_section(Mine()) == {"_target_": target, "loud": 2.0}
