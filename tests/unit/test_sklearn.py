"""scikit-learn's own checks of its estimators, and what nnrun's are good for."""

import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import nnrun
from nnrun import InputError
from nnrun.network.losses import BinaryCrossEntropy
from nnrun.sklearn import Classifier, Regressor


@parametrize_with_checks([Classifier(), Regressor()])
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("load", [load_iris, load_breast_cancer])
def test_classes_are_told_apart_as_well_as_by_scikit_learn_s_network(load):
    X, y = load(return_X_y=True)
    ours, theirs = (
        cross_val_score(make_pipeline(StandardScaler(), network), X, y).mean()
        for network in (
            Classifier(random_state=0),
            MLPClassifier((32,), learning_rate_init=0.01, max_iter=1000, random_state=0),
        )
    )
    assert ours > 0.94
    assert ours > theirs - 0.02


def test_a_search_takes_what_a_network_takes(rng):
    X = rng.normal(size=(120, 2))
    y = np.where(X.prod(axis=1) > 0, "like", "unlike")
    grid = {
        "classifier__optimizer": ["adam", {"name": "momentum", "momentum": 0.8}],
        "classifier__schedule": ["constant", "polynomial"],
    }
    pipeline = make_pipeline(StandardScaler(), Classifier((8,), 0.03, epochs=60, random_state=1))
    search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.85
    assert set(search.predict(X)) == {"like", "unlike"}
    chances = search.predict_proba(X)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    assert (search.classes_[chances.argmax(axis=1)] == search.predict(X)).all()


def test_lines_are_found_as_least_squares_finds_them(rng):
    X = rng.normal(50, 20, size=(200, 3))
    y = X @ [[3000, 1], [0, -2], [5, 0]] + [7, 1e6]
    ours = Regressor((), 0.05, random_state=0).fit(X, y)
    theirs = LinearRegression().fit(X, y)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-3)
    assert ours.score(X, y) > 0.9999
    assert ours.fit(X, y[:, 0]).predict(X).shape == (200,)


def test_a_table_and_its_columns_go_by_name():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = y.map(dict(enumerate(["setosa", "versicolor", "virginica"])))
    model = Classifier(epochs=20, random_state=0).fit(X, names)
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.score(X, names) > 0.9
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[X.columns[::-1]])
    assert model.loss_curve_.shape == (20,)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_equal_seeds_give_equal_networks_also_from_copies():
    X, y = load_iris(return_X_y=True)
    model = Classifier(epochs=5, random_state=3)
    first = model.fit(X, y).predict_proba(X)
    for twin in (clone(model).fit(X, y), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict_proba(X), first)
    other = Classifier(epochs=5, random_state=4).fit(X, y)
    assert (other.predict_proba(X) != first).any()


def test_its_network_is_a_network_of_nnrun(tmp_path):
    X, y = load_iris(return_X_y=True)
    model = Classifier((5,), epochs=5, random_state=0).fit(X, y)
    assert model.network_.layout == "4-[5]-3"
    assert model.network_.samples == 5 * 150
    again = nnrun.load_network(model.network_.save(tmp_path / "net.json"))
    scaled = StandardScaler().fit_transform(X)
    expected = model.predict_proba(X)
    np.testing.assert_allclose(again.predict_proba(scaled), expected, rtol=1e-9)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"optimizer": "adm"}, "optimizer.name=adm: is not a known optimizer (did you mean 'adam'"),
        ({"hidden_layers": 5}, "hidden_layers=5: must be a list of whole numbers of 1 or more"),
        ({"loss": {"name": "hinge", "margin": 2}}, "loss.margin=2: is not a known key"),
        ({"epochs": 0}, "epochs=0: must be a whole number of 1 or more"),
        ({"epochs": "2"}, "epochs=2: must be a whole number of 1 or more"),
        ({"epochs": None}, "epochs=null: must be a whole number of 1 or more"),
        ({"standardise": "no", "shuffle": "no"}, "shuffle=no: must be true or false\nstandardise"),
    ],
)
def test_what_makes_no_network_is_refused_in_the_words_of_the_command_line(parameters, message):
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match=re.escape(message)):
        Classifier(**{"epochs": 3, **parameters}).fit(X, y)


def test_what_diverges_is_said_to():
    X = np.arange(20.0)[:, None]
    wild = Regressor((), 10, optimizer="sgd", epochs=200, standardise=False, random_state=0)
    with pytest.raises(ValueError, match="learning diverged: learning_rate=10 is too large"):
        wild.fit(X, X[:, 0])


def test_what_says_no_chances_has_no_predict_proba():
    X, y = load_iris(return_X_y=True)
    model = Classifier(loss="hinge", epochs=30, random_state=0).fit(X, y)
    assert not hasattr(model, "predict_proba")
    assert model.score(X, y) > 0.9
    with pytest.raises(InputError, match="says no probabilities"):
        model.network_.predict_proba(X)


def test_a_row_of_a_table_is_predicted_as_in_the_table():
    X, y = load_iris(return_X_y=True)
    model = Classifier(epochs=3, random_state=0).fit(X, y)
    alone = np.concatenate([model.predict_proba(X[i : i + 1]) for i in range(20)])
    np.testing.assert_array_equal(alone, model.predict_proba(pd.DataFrame(X).to_numpy())[:20])


@pytest.mark.parametrize("value", [1000.0, 1e-9, -2024.0])
def test_what_does_not_vary_is_no_hindrance(value, rng):
    X = np.column_stack([rng.normal(size=80), np.full(80, 1e3 * value)])
    constant = Regressor(epochs=5, random_state=0).fit(X, np.full(80, value))
    np.testing.assert_array_equal(constant.predict(X), value)
    assert Regressor(random_state=0).fit(X, X[:, 0]).score(X, X[:, 0]) > 0.95
    assert Classifier(random_state=0).fit(X, X[:, 0] > 0).score(X, X[:, 0] > 0) > 0.9


def test_a_failed_fit_leaves_the_one_before(rng):
    X, y = load_iris(return_X_y=True)
    model = Classifier(epochs=3, random_state=0).fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(optimizer="adm")
    with pytest.raises(InputError, match="adm"):
        model.fit(rng.normal(size=(20, 2)), np.repeat(["a", "b"], 10))
    np.testing.assert_array_equal(model.predict_proba(X), expected)
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.n_features_in_ == 4
    assert model.n_iter_ == 3


@pytest.mark.parametrize(
    ("loss", "before", "of_two", "of_three"),
    [
        (None, True, True, True),
        (BinaryCrossEntropy(), True, True, False),
        ({"name": "squared_error"}, True, True, False),
        ({"name": "squared_error", "targets": "plus_minus"}, True, False, False),
        ("hinge", False, False, False),
    ],
)
def test_predict_proba_is_there_where_it_has_an_answer(loss, before, of_two, of_three):
    X, y = load_iris(return_X_y=True)
    model = Classifier(loss=loss, epochs=1, random_state=0)
    assert hasattr(model, "predict_proba") == before
    for labels, there in ((y == 1, of_two), (y, of_three)):
        model.fit(X, labels)
        assert hasattr(model, "predict_proba") == there
        if there:
            assert model.predict_proba(X).shape == (150, len(model.classes_))
