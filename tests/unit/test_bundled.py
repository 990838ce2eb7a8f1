"""The real data sets that scikit-learn brings along."""

import numpy as np
import pytest

import nnrun.problem.split_tables  # noqa: F401 - registers its sets
from nnrun.problem.problem import DATA, Task
from nnrun.problem.table import Table


@pytest.mark.parametrize(
    ("name", "n", "n_inputs", "class_counts"),
    [
        ("breast_cancer", 569, 30, (212,)),
        ("digits", 1797, 64, (178, 182, 177, 183, 181, 182, 181, 179, 174, 180)),
        ("iris", 150, 4, (50, 50, 50)),
        ("wine", 178, 13, (59, 71, 48)),
        ("diabetes", 442, 10, None),
    ],
)
def test_bundled_sets_have_their_published_sizes(name, n, n_inputs, class_counts):
    problem = DATA[name]().problem()
    inputs = np.concatenate([problem.pool.inputs, problem.held_out.inputs])
    targets = np.concatenate([problem.pool.targets, problem.held_out.targets])
    assert inputs.shape == (n, n_inputs)
    assert problem.n_train == len(problem.pool.inputs)
    assert len(problem.held_out.inputs) == pytest.approx(n / 4, abs=3)
    assert np.isfinite(inputs).all()
    if class_counts:
        assert tuple(targets.sum(axis=0)) == class_counts


def test_bundled_classes_go_by_their_names():
    assert DATA["breast_cancer"]().problem().outputs == ("malignant",)
    assert DATA["iris"]().problem().outputs == ("setosa", "versicolor", "virginica")
    assert DATA["digits"]().problem().outputs == tuple("0123456789")
    assert DATA["diabetes"]().problem().task is Task.REGRESSION


@pytest.mark.parametrize("name", ["table", "breast_cancer", "digits", "iris", "wine", "diabetes"])
def test_entries_are_hashable_and_differ_by_their_keys(name):
    keys = {"path": "p", "label": "y"} if name == "table" else {}
    entry, same = DATA[name](**keys), DATA[name](**keys)
    assert hash(entry) == hash(same)
    assert entry == same
    assert entry != DATA[name](**keys, split_seed=1)
    assert not entry.planar


def test_bundled_sets_through_a_file_are_the_same_problem(tmp_path):
    from sklearn.datasets import load_wine

    bunch = load_wine(as_frame=True)
    frame = bunch.frame.assign(target=[f"class_{code}" for code in bunch.target])
    frame.to_csv(tmp_path / "wine.csv", index=False)
    ours = Table(path=str(tmp_path / "wine.csv"), label="target").problem()
    theirs = DATA["wine"]().problem()
    assert (ours.inputs, ours.outputs) == (theirs.inputs, theirs.outputs)
    np.testing.assert_array_equal(ours.pool.inputs, theirs.pool.inputs)
    np.testing.assert_array_equal(ours.held_out.targets, theirs.held_out.targets)
