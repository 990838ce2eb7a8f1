"""Tables split into training and test rows, as arrays of a problem; those of scikit-learn.

The values are taken as they are: refusing bad ones is the reader's part (see ``table``).
"""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from nnrun.errors import InputError, Issue, listed
from nnrun.problem.cells import (
    USUAL,
    Codes,
    Kind,
    Mask,
    Rules,
    categories,
    kind_of,
    moments,
    numbers,
)
from nnrun.problem.column_encoder import Column, Encoder
from nnrun.problem.problem import Data, Problem, Samples, Task

if TYPE_CHECKING:
    import pandas as pd

Goal = Literal["auto", "classification", "regression"]


@dataclass(frozen=True, kw_only=True)
class Split(Data):
    """Which rows are held out, and how training visits the others.

    Attributes:
        test_share: Share of each class to hold out, rounded to the nearest row (halves up), but
            at least one row and never all.
        split_seed: Seed of the choice, which all trials share, whatever their own seeds.
        shuffle: Whether training visits the rows in a new random order each epoch.
    """

    test_share: Annotated[float, Gt(0), Lt(1)] = 0.25
    split_seed: Annotated[int, Ge(0)] = 0
    shuffle: bool = True

    def held_out(self, codes: Codes) -> Mask:
        """Choose rows by their class, numbered from 0: shape (n,), True where held out.

        Example:
            >>> test = Split(test_share=0.5).held_out(np.array([0, 1, 0, 1, 1, 1]))
            >>> int(test[[0, 2]].sum()), int(test[[1, 3, 4, 5]].sum())
            (1, 2)
        """
        rng = np.random.Generator(np.random.PCG64(self.split_seed))
        test = np.zeros(len(codes), dtype=np.bool_)
        for code in range(codes.max() + 1):
            rows = np.flatnonzero(codes == code)
            n_test = min(max(int(len(rows) * self.test_share + 0.5), 1), len(rows) - 1)
            test[rng.permutation(rows)[:n_test]] = True
        return test


def encode(
    frame: "pd.DataFrame",
    label: str,
    split: Split,
    task: Goal = "auto",
    categorical: tuple[str, ...] = (),
    impute: bool = True,
    rules: Rules = USUAL,
) -> Problem:
    """Turn a table into a problem: split it, then impute and scale by its training part.

    Both parts are in the order of the table. Two classes make one output, which is 1 for the later
    class and named after it; more make one-hot outputs. Regression makes one standardised output.
    Numbers become standardised inputs, categories one-hot inputs named ``column=value``, sorted
    over the whole table.

    Args:
        frame: A row a sample, in numbers (at most 1e150 in size), booleans and text; no name
            twice.
        label: The column to be learned; at least two values, none missing.
        split: Which rows to hold out.
        task: What to make of the label. ``auto`` takes text, booleans and up to 20 distinct
            whole numbers for classes.
        categorical: Columns of numbers to take as categories.
        impute: Whether what is missing becomes the training part's median or commonest category,
            or is refused.
        rules: How cells of text are read when new rows come.

    Raises:
        InputError: If label and task do not fit, or an input cannot be imputed or named.
    """
    column, classes, mean, spread = frame[label], tuple[str, ...](), 0.0, 1.0
    if _is_classes(column, task):
        codes, classes = _classes(column)
        test = split.held_out(codes)
        kind, outputs, targets = Task.MULTICLASS, classes, np.eye(len(classes))[codes]
        if len(classes) == 2:
            kind, outputs, targets = Task.BINARY, classes[1:], targets[:, 1:]
    else:
        test, values = split.held_out(np.zeros(len(frame), np.intp)), numbers(column)
        mean, spread = moments(values[~test])
        kind, outputs = Task.REGRESSION, (str(label),)
        targets = ((values - mean) / spread)[:, None]
    inputs = frame.drop(columns=label)
    inputs = inputs.set_axis(list(map(str, inputs.columns)), axis=1)
    columns = _columns(inputs, categorical, ~test, impute)
    encoder = Encoder(columns, str(label), classes, mean, spread, rules)
    rows = encoder.encode(inputs)
    return Problem(
        task=kind,
        inputs=encoder.inputs,
        outputs=outputs,
        held_out=Samples(rows[test], targets[test]),
        pool=Samples(rows[~test], targets[~test]),
        n_train=int((~test).sum()),
        shuffle=split.shuffle,
        encoder=encoder,
    )


def _is_classes(column: "pd.Series", task: Goal) -> bool:
    """Choose between classification and regression."""
    kind = kind_of(column)
    if task == "regression" and kind is not Kind.NUMBER:
        rule = f"needs a label of numbers, but '{column.name}' holds {kind}"
        raise InputError(Issue("task", task, rule, "data.task=classification"))
    if task != "auto" or kind is not Kind.NUMBER:
        return task != "regression"
    distinct = np.unique(numbers(column))
    whole = bool((distinct == np.floor(distinct)).all())
    return whole and len(distinct) <= 20


def _classes(column: "pd.Series") -> tuple[Codes, tuple[str, ...]]:
    """Return the label's categories, which must be in both parts of the split."""
    codes, names = categories(column)
    rare = [f"'{names[i]}'" for i in np.flatnonzero(np.bincount(codes) < 2)]
    if rare:
        rule = f"has a single row of class {listed(rare, 5)}; training and test need one each"
        hint = "merge or remove rare classes; data.task=regression if it is a quantity"
        raise InputError(Issue("label", column.name, rule, hint))
    return codes, names


def _columns(
    frame: "pd.DataFrame", categorical: tuple[str, ...], train: Mask, impute: bool
) -> tuple[Column, ...]:
    """Fit every column, refusing two inputs of one name."""
    columns = tuple(
        Column.of(str(name), column, train, name in categorical, impute)
        for name, column in frame.items()
    )
    names = Counter(name for column in columns for name in column.inputs)
    for name in (name for name, times in names.items() if times > 1):
        rule = f"two inputs would be called '{name}'"
        raise InputError(Issue("categorical", None, rule, "rename a column"))
    return columns


@dataclass(frozen=True)
class Bundled(Split):
    """A bundled data set, called in the registry as in ``sklearn.datasets.load_*``.

    Classes go by their names, in alphabetical order. The keys are those of ``Split``.
    """

    def problem(self) -> Problem:
        """Load the set and encode it as ``encoding.encode`` describes."""
        from sklearn import datasets

        bunch = getattr(datasets, f"load_{self.name}")(as_frame=True)
        frame = bunch.frame
        classes = bunch.get("target_names")
        if classes is not None:
            frame = frame.assign(target=[str(classes[code]) for code in bunch.target])
        task: Goal = "regression" if classes is None else "classification"
        return encode(frame, "target", self, task)


class BreastCancer(Bundled, name="breast_cancer"):
    """569 tumours, 30 measures of their cell nuclei: 357 benign, 212 malignant.

    scikit-learn codes benign as 1; here the output is 1 for malignant, which its name says.

    References:
        Wolberg, Mangasarian, Street & Street, Breast Cancer Wisconsin (Diagnostic), 1993,
        doi:10.24432/C5DW2B.
    """


class Digits(Bundled, name="digits"):
    """1797 handwritten digits of 8 x 8 pixels, with intensities 0 to 16: 10 classes.

    References:
        Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, 1998, doi:10.24432/C50P49.
    """


class Iris(Bundled, name="iris"):
    """150 iris flowers, 4 measures in centimetres: 50 each of 3 species.

    References:
        Fisher, The use of multiple measurements in taxonomic problems, 1936,
        doi:10.1111/j.1469-1809.1936.tb02137.x.
    """


class Wine(Bundled, name="wine"):
    """178 wines, 13 chemical measures: 59, 71 and 48 of 3 growers.

    References:
        Aeberhard & Forina, Wine, 1992, doi:10.24432/C5PC7J.
    """


class Diabetes(Bundled, name="diabetes"):
    """442 patients, 10 measures: the progression of their diabetes a year later, a quantity.

    References:
        Efron, Hastie, Johnstone & Tibshirani, Least angle regression, 2004,
        doi:10.1214/009053604000000067.
    """
