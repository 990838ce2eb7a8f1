"""Tables: what a file becomes, and which file is refused in which words."""

import io
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from nnrun.errors import InputError
from nnrun.problem.cells import USUAL
from nnrun.problem.column_encoder import Column
from nnrun.problem.problem import Problem, Task
from nnrun.problem.split_tables import Split, encode
from nnrun.problem.table import Table

PLAIN = "size,weight,kind\n" + "".join(f"{i},{i * i / 8},{'ab'[i % 2]}\n" for i in range(12))


@pytest.fixture
def written(tmp_path):
    """Write text or bytes to a file and return its path."""

    def write(content: str | bytes, name: str = "t.csv") -> str:
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        return str(tmp_path / name)

    return write


def rows_of(problem: Problem) -> dict[str, np.ndarray]:
    """Each input's values, training part first."""
    assert problem.pool is not None
    joined = np.concatenate([problem.pool.inputs, problem.held_out.inputs])
    return dict(zip(problem.inputs, joined.T, strict=True))


def refusal(**keys) -> str:
    with pytest.raises(InputError) as caught:
        Table(**keys).problem()
    return str(caught.value)


# What a file becomes


def test_two_classes_make_one_output_named_after_the_later_one(written):
    problem = Table(path=written(PLAIN), label="kind").problem()
    assert problem.task is Task.BINARY
    assert problem.outputs == ("b",)
    assert problem.inputs == ("size", "weight")
    # odd sizes are of kind b, and a standardised column keeps its order
    values = np.concatenate([problem.pool.inputs[:, 0], problem.held_out.inputs[:, 0]])
    targets = np.concatenate([problem.pool.targets, problem.held_out.targets])[:, 0]
    assert targets[np.argsort(values)].tolist() == [0, 1] * 6


def test_classes_of_numbers_sort_by_size_not_by_spelling(written):
    text = "x,y\n" + "".join(f"{i},{[2, 10, 9][i % 3]}\n" for i in range(12))
    problem = Table(path=written(text), label="y").problem()
    assert problem.task is Task.MULTICLASS
    assert problem.outputs == ("2", "9", "10")
    order = np.argsort(problem.pool.inputs[:, 0])
    assert set(map(tuple, problem.pool.targets[order])) == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}
    assert (problem.pool.targets.sum(axis=1) == 1).all()


@pytest.mark.parametrize(
    ("labels", "task", "expected", "outputs"),
    [
        (["no", "yes"] * 6, "auto", Task.BINARY, ("yes",)),
        (["False", "True"] * 6, "auto", Task.BINARY, ("True",)),
        (["0.0", "1.0"] * 6, "auto", Task.BINARY, ("1",)),
        ([f"{i % 3}" for i in range(12)], "auto", Task.MULTICLASS, ("0", "1", "2")),
        ([f"{i % 3}" for i in range(12)], "regression", Task.REGRESSION, ("y",)),
        ([f"{i % 3}.5" for i in range(12)], "auto", Task.REGRESSION, ("y",)),
        ([f"{i % 2}.5" for i in range(12)], "classification", Task.BINARY, ("1.5",)),
        (["1", "2+", "1", "2+", "1", "3", "1", "3"], "classification", None, ("1", "2+", "3")),
        ([str(i % 20) for i in range(40)], "auto", Task.MULTICLASS, tuple(map(str, range(20)))),
        ([str(i % 21) for i in range(42)], "auto", Task.REGRESSION, ("y",)),
    ],
)
def test_the_label_decides_the_task_unless_told(written, labels, task, expected, outputs):
    text = "x,y\n" + "".join(f"{i},{y}\n" for i, y in enumerate(labels))
    problem = Table(path=written(text), label="y", task=task).problem()
    assert problem.task is (expected or Task.MULTICLASS)
    assert problem.outputs == outputs


def standardised(values, train):
    column = pd.Series(values)
    return Column.of("v", column, train, chosen=False, impute=False).encode(column, USUAL)[0]


def test_standardising_looks_at_training_rows_only():
    # training values 1, 3, 5, 7: mean 4, variance (9 + 1 + 1 + 9) / 4 = 5
    train = np.array([True, False, True, True, False, True])
    scaled = standardised(np.array([1.0, 100.0, 3.0, 5.0, 4.0, 7.0]), train)
    root = 5**0.5
    assert scaled == pytest.approx([-3 / root, 96 / root, -1 / root, 1 / root, 0.0, 3 / root])


def test_a_column_constant_in_training_is_zero_there_and_never_divided():
    train = np.array([True, True, True, False])
    # the sum of three times 0.1 is not 0.3: a rounded mean would leave a tiny spread
    assert standardised(np.array([0.1, 0.1, 0.1, 2.1]), train).tolist() == [0, 0, 0, 2.0]


def test_scaling_equals_that_of_scikit_learn():
    values = np.random.default_rng(3).normal(50.0, 7.0, (40, 3)) * [1, 1e9, 1e-9]
    train = np.arange(40) % 3 > 0
    expected = StandardScaler().fit(values[train]).transform(values)
    scaled = np.column_stack([standardised(column, train) for column in values.T])
    assert scaled == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_regression_targets_are_standardised_by_the_training_part(written):
    problem = Table(path=written(PLAIN), label="weight", drop=("kind",)).problem()
    assert problem.pool.targets.mean() == pytest.approx(0, abs=1e-12)
    assert problem.pool.targets.std() == pytest.approx(1)


def test_categories_become_one_hot_columns_that_are_not_standardised(written):
    text = (
        "n,colour,code,ok,y\n1,red,7,True,0\n2,blue,10,False,1\n3,red,7,True,0\n4,blue,10,True,1\n"
    )
    problem = Table(path=written(text), label="y", categorical=("code",), test_share=0.5).problem()
    assert problem.inputs == ("n", "colour=blue", "colour=red", "code=7", "code=10", "ok")
    both = np.concatenate([problem.pool.inputs, problem.held_out.inputs])
    rows = {(0, 1, 1, 0, 1), (1, 0, 0, 1, 0), (1, 0, 0, 1, 1)}
    assert {tuple(row) for row in both[:, 1:]} == rows


def test_rows_keep_their_order_in_both_parts(written):
    problem = Table(path=written(PLAIN), label="kind").problem()
    assert (np.diff(problem.pool.inputs[:, 0]) > 0).all()
    assert (np.diff(problem.held_out.inputs[:, 0]) > 0).all()


@pytest.mark.parametrize(
    ("counts", "share", "held"),
    [
        ((40, 20, 8), 0.25, (10, 5, 2)),
        ((10, 2), 0.01, (1, 1)),  # at least one
        ((10, 2), 0.99, (9, 1)),  # never all
        ((10, 6), 0.25, (3, 2)),  # halves up
    ],
)
def test_the_split_is_stratified(counts, share, held):
    codes = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    test = Split(test_share=share).held_out(codes)
    assert tuple(np.bincount(codes[test])) == held


def test_the_split_depends_on_its_seed_and_on_nothing_else():
    codes = np.arange(60) % 3
    first = Split(split_seed=1).held_out(codes)
    np.random.seed(5)  # noqa: NPY002 - the global state must not matter
    assert (Split(split_seed=1).held_out(codes) == first).all()
    assert (Split(split_seed=2).held_out(codes) != first).any()
    shares = np.mean([Split(split_seed=s).held_out(codes) for s in range(400)], axis=0)
    assert shares == pytest.approx(0.25, abs=0.1)  # every row has its turn; 4.6 standard errors


MIXED = pd.DataFrame(
    {
        "count": [3, 1, 4, 1, 5, 9, 2, 6],
        "share": [0.1, 1 / 3, -2.5e-7, 1e20, 0.7, 0.2, None, 3.0],
        "flag": [True, False, True, None, False, True, True, False],
        "kind": ["a", "b", None, "a", "c", "a", "b", "a"],
        "y": ["no", "yes", "no", "yes", "no", "yes", "no", "yes"],
    }
)


@pytest.mark.parametrize("name", ["t.tsv", "t.parquet", "t.PQ"])
def test_every_format_gives_the_same_problem(written, tmp_path, name):
    table = Table(path=written(MIXED.to_csv(index=False)), label="y", missing="impute")
    if name == "t.tsv":
        MIXED.to_csv(tmp_path / name, index=False, sep="\t")
    else:
        MIXED.to_parquet(tmp_path / name)
    first = table.problem()
    other = Table(path=str(tmp_path / name), label="y", missing="impute").problem()
    assert (other.inputs, other.outputs, other.task) == (first.inputs, first.outputs, first.task)
    for ours, theirs in zip(
        (*first.pool, *first.held_out), (*other.pool, *other.held_out), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_decimals_are_numbers(tmp_path):
    frame = pd.DataFrame({"x": [Decimal("1.50"), None, *map(Decimal, range(6))]})
    frame.assign(y=["a", "b"] * 4).to_parquet(tmp_path / "t.parquet")
    table = Table(path=str(tmp_path / "t.parquet"), label="y", missing="impute")
    assert table.problem().inputs == ("x",)


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "float32", "uint8"])
def test_any_dtype_of_numbers_is_numbers(tmp_path, dtype):
    frame = pd.DataFrame({"x": pd.array(range(8), dtype=dtype), "y": ["a", "b"] * 4})
    frame.to_parquet(tmp_path / "t.parquet")
    problem = Table(path=str(tmp_path / "t.parquet"), label="y").problem()
    assert problem.inputs == ("x",)


def test_a_column_stored_as_category_is_one(tmp_path):
    codes = pd.Categorical(["7", "30"] * 3)  # text that could be misread as numbers elsewhere
    pd.DataFrame({"x": codes, "y": list("aabbab")}).to_parquet(tmp_path / "t.parquet")
    assert Table(path=str(tmp_path / "t.parquet"), label="y").problem().inputs == ("x=30", "x=7")


def test_imputing_uses_the_training_part_only():
    frame = pd.DataFrame(
        {
            "n": [None, 2.0, 4.0, 9.0, None, 1e6, 1e6, 1e6],
            "k": [None, "b", "b", "a", "a", "z", "z", "z"],
            "f": [None, False, False, True, True, True, True, True],
            "y": [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5],
        }
    )

    class LastThree(Split):
        def held_out(self, codes):
            return np.arange(len(codes)) >= 5

    values = rows_of(encode(frame, "y", LastThree()))
    # training n: 2, 4, 9 and two gaps: median 4; imputed 4 2 4 9 4: mean 4.6
    assert values["n"][0] == values["n"][2] == values["n"][4]
    assert values["n"][0] * (9 - 4.6) == pytest.approx(values["n"][3] * (4 - 4.6))
    assert (values["k=a"][0], values["k=b"][0], values["k=z"][0]) == (1, 0, 0)  # a tie: the first
    assert values["f"][0] == 0  # False, False, True, True: a tie


def test_rows_that_are_empty_throughout_are_left_out(written):
    lines = PLAIN.splitlines()
    gappy = "\ufeff" + "\r\n".join([*lines[:4], "", ",,", *lines[4:], "", ""])
    plain, other = (Table(path=written(t), label="kind").problem() for t in (PLAIN, gappy))
    np.testing.assert_array_equal(plain.pool.inputs, other.pool.inputs)
    assert plain.inputs == other.inputs


def test_spaces_after_commas_and_trailing_commas_do_not_matter(written):
    spaced = PLAIN.replace(",", ", ").replace("a\n", "a,\n").replace("b\n", "b,\n")
    problem = Table(path=written(spaced), label="kind").problem()
    assert (problem.inputs, problem.outputs) == (("size", "weight"), ("b",))


def test_dropping_and_declaring_let_a_wild_table_through(written):
    text = ",when,name,level,y\n" + "".join(
        f"{i},2024-01-0{1 + i % 9},person {i},{['1', '2', '3+'][i % 3]},{'ab'[i % 2]}\n"
        for i in range(30)
    )
    keys = {"drop": ("Unnamed: 0", "when"), "categorical": ("level", "name")}
    problem = Table(path=written(text), label="y", **keys).problem()
    assert len(problem.inputs) == 30 + 3
    assert problem.inputs[-3:] == ("level=1", "level=2", "level=3+")


@pytest.mark.parametrize(("index", "column"), [("id", "id"), (None, "__index_level_0__")])
def test_a_parquet_index_is_a_column_like_any_other(tmp_path, index, column):
    frame = pd.DataFrame({"x": range(8), "y": ["a", "b"] * 4})
    frame.index = pd.Index([3, 1, 4, 15, 9, 2, 6, 5], name=index)
    frame.to_parquet(tmp_path / "t.parquet")
    table = {"path": str(tmp_path / "t.parquet"), "label": "y"}
    assert Table(**table, drop=(column,)).problem().inputs == ("x",)
    if index:
        assert Table(**table).problem().inputs == ("x", "id")
    else:
        assert f"is no input (data.drop=['{column}'])" in refusal(**table)


# Which file is refused, in which words


def frame_text(n: int = 8, **columns) -> str:
    """CSV text of a good table with some columns replaced or added."""
    good = {"x": range(n), "y": ["a", "b"] * (n // 2)}
    return pd.DataFrame({**good, **columns}).to_csv(index=False)


REFUSED_TEXT = {
    "empty": (b"", "t.csv: is empty"),
    "blank": ("\n\n", "t.csv: has no column names (they belong in the first line)"),
    "header only": ("x,y\n", "has 0 rows with data; at least 4 are needed"),
    "few rows": (frame_text(2), "has 2 rows with data; at least 4 are needed"),
    "no inputs": ("y\na\nb\na\nb\n", "has no column to learn 'y' from"),
    "twice": ("x,y,x\n1,2,3\n", "t.csv: has 2 columns 'x' (rename them)"),
    "index": (
        ",x,y\n" + "".join(f"{i},{i},{'ab'[i % 2]}\n" for i in range(8)),
        "has a column without a name; if it holds row numbers, it is no input "
        "(data.drop=['Unnamed: 0'])",
    ),
    "latin-1": (
        "x,y\n1,é\n".encode("latin-1"),
        "is not UTF-8 text, first in line 2 (save it as CSV UTF-8)",
    ),
    "utf-16 without a mark": (
        "x,y\n1,a\n".encode("utf-16-le"),
        "holds zero bytes, as no text does (save it as CSV UTF-8)",
    ),
    "long row": (
        "x,y\n1,a\n2,b,3\n",
        "has 3 cells in row 3, and 2 names in its header (every row needs a cell for each name; "
        "quote a text that holds a separator)",
    ),
    "all rows long": ("x,y\n1,a,2\n3,b,4\n", "has 3 cells in row 2, and 2 names in its header"),
    "short row": ("x,y,z\n1,a,1\n2,b\n", "has 2 cells in row 3, and 3 names in its header"),
    "comment between rows": (
        "x,y,z\n1,a,1\n# the others, too\n2,b,1\n",
        "has 2 cells in row 3, and 3 names in its header (comment lines can only stand above the "
        "line of names)",
    ),
    "open quote": (
        'x,y\n1,"a\n2,b\n', "has a quote that is not closed, in row 2 (close it)"
    ),
    "a cell without end": (
        f"x,y\n1,a\n2,{'b' * 200_000}\n",
        "has more than 131,072 letters in a cell of row 3 (is a quote not closed?)",
    ),
    "half a quote": (
        'x,y\n1,a\n2,"b" or c\n',
        "has more than a quoted text in a cell of row 3 (put the whole cell into quotes, and write "
        "quotes within it twice)",
    ),
    "spaces between columns": (
        "x z kind\n1 2 a\n3 4 b\n5 6 a\n7 8 b\n",
        "has a single column, 'x z kind' (known between columns: commas, semicolons, tabs, pipes)",
    ),
    "no such label": (frame_text().replace("y", "species"),
                      "label=y: is not a column of the file (known: species, x)"),
    "text in numbers": (
        frame_text(x=[1, 2, "high", 4, 5, 6, "?", 8]),
        "column 'x' has text where numbers belong: 'high' in row 4 (correct it, or "
        "data.missing_words=['high'] if it means 'missing', or data.drop=['x'], "
        "data.categorical=['x'])",
    ),
    "text in numeric label": (
        frame_text(y=["1.5", "2.5", "3.5", "n.a.", "5", "6", "7", "8"]),
        "label=y: has text where numbers belong: 'n.a.' in row 5 (correct it, or "
        "data.missing_words=['n.a.'] if it means 'missing', or data.task=classification)",
    ),
    "dates": (
        frame_text(d=[f"2024-01-{d:02} 10:00" for d in range(1, 9)]),
        "column 'd' holds dates, such as '2024-01-01 10:00' in row 2 (convert to numbers, such as "
        "days, or data.drop=['d'], data.categorical=['d'])",
    ),
    "many texts": (
        frame_text(104, k=[f"k{i // 2}" for i in range(104)]),
        "column 'k' holds 52 different texts, too many for categories, such as 'k0' (merge some, "
        "or data.drop=['k'], data.categorical=['k'])",
    ),
    "all different": (
        frame_text(22, k=[f"k{i}" for i in range(22)]),
        "column 'k' holds 22 different texts, too many for categories",
    ),
    "one class": (
        frame_text(y="a"),
        "label=y: has one class only, 'a': there is nothing to learn (is it the right column?)",
    ),
    "one number": (frame_text(y=3), "label=y: has one class only, '3': there is nothing to learn"),
    "rare class": (
        frame_text(y=["a", "b", "a", "b", "c", "a", "a", "d"]),
        "label=y: has a single row of class 'c', 'd'; training and test need one each",
    ),
    "missing": (
        frame_text(x=[1, None, None, 4, 5, 6, 7, 8], z=["a", None, "a", "b", "c", "b", "a", "a"]),
        "missing=refuse: values are missing from 'x' (2 rows), 'z' (1 row) "
        "(data.missing=impute fills them)",
    ),
    "missing label": (
        frame_text(y=["a", "b", None, "a", "b", None, "a", "b"]),
        "label=y: has no value in 2 rows, first in row 4 (remove the rows without a label)",
    ),
    "infinite": (
        frame_text(x=[1, 2, 3, 4, 5, float("-inf"), 7, 8]),
        "column 'x' holds -inf in row 7; it must be finite, below 1e+150 "
        "(correct or remove it, or data.drop=['x'])",
    ),
    "huge": (frame_text(x=[1, 2, 3, 4, 5, 6, 7, 1e200]), "column 'x' holds 1e+200 in row 9"),
    "many digits": (frame_text(x=["1" + 400 * "0", *range(7)]), "in row 2"),
    "infinite label": (
        frame_text(y=[0.5, 1.5, 2.5, np.inf, 1, 2, 3, 4]),
        "label=y: holds inf in row 5; it must be finite",
    ),
    "nothing": (frame_text(z=None), "column 'z' holds no value (data.drop=['z'])"),
    "names clash": (
        frame_text(k=["a", "b"] * 4, **{"k=a": range(8)}),
        "categorical: two inputs would be called 'k=a' (rename a column)",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("content", "words"), REFUSED_TEXT.values(), ids=REFUSED_TEXT)
def test_a_bad_text_file_is_refused_in_clear_words(written, content, words):
    assert words in refusal(path=written(content), label="y")


REFUSED_KEYS = {
    "label": ({"label": "knd"}, "label=knd: is not a column of the file (did you mean 'kind'?)"),
    "drop": ({"drop": ("sise",)}, "drop=sise: is not a column of the file (did you mean 'size'?)"),
    "categorical": (
        {"categorical": ("wieght",)},
        "categorical=wieght: is not a column of the file (did you mean 'weight'?)",
    ),
    "label dropped": ({"drop": ("kind",)}, "drop=kind: is the label, which can only be learned"),
    "label encoded": (
        {"categorical": ("kind",)},
        "categorical=kind: is the label, which can only be learned",
    ),
    "all dropped": ({"drop": ("size", "weight")}, "has no column to learn 'kind' from"),
    "regression on text": (
        {"task": "regression"},
        "task=regression: needs a label of numbers, but 'kind' holds text "
        "(data.task=classification)",
    ),
    "classes of a quantity": (
        {"label": "weight", "task": "classification"},
        "label=weight: has a single row of class '0', '0.125', '0.5', '1.125', '2' and 7 more; "
        "training and test need one each (merge or remove rare classes; "
        "data.task=regression if it is a quantity)",
    ),
}


@pytest.mark.parametrize(("keys", "words"), REFUSED_KEYS.values(), ids=REFUSED_KEYS)
def test_a_bad_key_is_refused_in_clear_words(written, keys, words):
    assert words in refusal(**{"path": written(PLAIN), "label": "kind", **keys})


def test_every_broken_rule_is_told_at_once(written):
    text = frame_text(x=[1, 2, "low", 4, 5, 6, 7, 8], z=[np.inf, *range(7)], y="a")
    lines = refusal(path=written(text), label="y").splitlines()
    assert [line.split("=")[0] for line in lines] == ["label", "path", "path"]
    names = refusal(path=written(PLAIN), label="a", drop=("b", "c")).splitlines()
    assert [line.split(":")[0] for line in names] == ["label=a", "drop=b", "drop=c"]


def test_a_missing_file_says_where_it_was_looked_for(written, tmp_path, monkeypatch):
    written(PLAIN, "flowers.csv")
    monkeypatch.chdir(tmp_path)
    message = refusal(path="flower.csv", label="y")
    assert f"path=flower.csv: is not there; looked in {tmp_path}" in message
    assert "(did you mean 'flowers.csv'?)" in message
    assert f"looked in {tmp_path / 'no'}" in refusal(path="no/flower.csv", label="y")


def test_a_folder_and_an_unknown_ending_are_refused(written, tmp_path):
    assert "is a folder, not a file" in refusal(path=str(tmp_path), label="y")
    message = refusal(path=written("x", "t.sav"), label="y")
    assert "has the unknown ending '.sav' (known: .csv, .tsv, .parquet, .pq)" in message


def test_a_forbidden_file_is_refused(written, monkeypatch):
    def refuse(*_args, **_keys):
        raise PermissionError(13, "Permission denied")

    path = written(PLAIN)
    monkeypatch.setattr(Path, "open", refuse)
    assert "cannot be read as .csv: Permission denied" in refusal(path=path, label="y")


@pytest.mark.parametrize("cut", [slice(5, None), slice(0, -20), slice(0, 4)])
def test_a_damaged_parquet_file_is_refused(written, cut):
    whole = io.BytesIO()
    MIXED.to_parquet(whole)
    path = written(whole.getvalue()[cut], "t.parquet")
    assert "cannot be read as .parquet: " in refusal(path=path, label="y")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pd.date_range("2024-01-01", periods=8), "holds dates or times (convert to numbers, or d"),
        (pd.timedelta_range("1s", periods=8), "holds dates or times"),
        (list(pd.date_range("2024-01-01", periods=8).date), "holds dates or times"),
        ([[1, 2]] * 8, "holds values of an unknown kind"),
        ([b"raw"] * 8, "holds values of an unknown kind"),
        ([str(i) for i in range(8)], "has text where numbers belong: '0' in row 1"),
    ],
)
def test_a_parquet_column_of_another_kind_is_refused(tmp_path, values, words):
    pd.DataFrame({"x": values, "y": ["a", "b"] * 4}).to_parquet(tmp_path / "t.parquet")
    message = refusal(path=str(tmp_path / "t.parquet"), label="y")
    assert f"column 'x' {words}" in message
    swapped = refusal(path=str(tmp_path / "t.parquet"), label="x")
    assert swapped.startswith(f"label=x: {words[:20]}")


def test_row_numbers_count_blank_lines_and_not_line_breaks_in_a_cell(written):
    text = 'x,k,y\n1,a,a\n\n2,"b\nb",b\nhigh,a,a\n4,b b,b\n5,a,a\n6,a,b\n'
    assert "'high' in row 5" in refusal(path=written(text), label="y")


def test_what_has_no_value_in_the_training_part_cannot_be_imputed(written):
    text = frame_text(z=[None] * 7 + [1.0])
    told = [
        refusal(path=written(text), label="y", missing="impute", split_seed=seed)
        for seed in range(40)
        if _holds_out_last(seed)
    ]
    assert told
    words = "missing=impute: cannot fill 'z', which has no value in the training part"
    assert all(words in message for message in told)


def _holds_out_last(seed: int) -> bool:
    return bool(Split(split_seed=seed).held_out(np.arange(8) % 2)[-1])


# Any table

NUMBERS = st.floats(-1e150, 1e150) | st.integers(-3, 3).map(float)
COLUMNS = {
    "number": st.none() | NUMBERS,
    "text": st.none() | st.sampled_from(["red", "green", "blue"]),
    "flag": st.none() | st.booleans(),
}


@st.composite
def frames(draw) -> pd.DataFrame:
    """Tables of 6 to 20 rows with a label 'y' of distinct quantities."""
    n = draw(st.integers(6, 20))
    kinds = draw(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=4))
    columns = {}
    for i, kind in enumerate(kinds):
        values = draw(st.lists(COLUMNS[kind], min_size=n, max_size=n))
        columns[f"{kind}{i}"] = pd.Series(values, dtype=None if kind == "number" else object)
    labels = draw(st.permutations(range(n)))
    return pd.DataFrame(columns).assign(y=[label + 0.5 for label in labels])


def encoded(frame: pd.DataFrame) -> Problem | None:
    """Encode; None where a column has no value in the training part."""
    train = ~Split(split_seed=4).held_out(np.zeros(len(frame), np.intp))
    if frame[train].isna().all().any():
        return None
    return encode(frame, "y", Split(split_seed=4))


@settings(deadline=None, max_examples=80)
@given(frames())
def test_inputs_are_finite_whatever_is_missing(frame):
    problem = encoded(frame)
    if problem is not None:
        assert np.isfinite(problem.pool.inputs).all()
        assert np.isfinite(problem.held_out.inputs).all()
        assert np.isfinite(problem.pool.targets).all()


@settings(deadline=None, max_examples=80)
@given(frames(), st.randoms(use_true_random=False))
def test_inputs_know_neither_the_label_nor_the_place_of_a_column(frame, random):
    problem = encoded(frame)
    if problem is None:
        return
    columns = list(frame.columns)
    random.shuffle(columns)
    relabelled = frame[columns].assign(y=random.sample(frame["y"].tolist(), len(frame)))
    other = rows_of(encoded(relabelled))
    values = rows_of(problem)
    assert values.keys() == other.keys()
    for name in values:
        np.testing.assert_array_equal(values[name], other[name])


@settings(deadline=None, max_examples=80)
@given(frames())
def test_training_inputs_do_not_depend_on_held_out_rows(frame):
    problem = encoded(frame)
    if problem is None:
        return
    test = Split(split_seed=4).held_out(np.zeros(len(frame), np.intp))
    changed = frame.copy()
    for name in frame.columns:
        # other held-out values; the categories stay, for they are those of the whole table
        held_out = frame.loc[test, name]
        changed.loc[test, name] = held_out * -2 + 1 if name.startswith("number") else held_out
    other = encoded(changed)
    np.testing.assert_array_equal(problem.pool.inputs, other.pool.inputs)
