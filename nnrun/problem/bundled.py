"""The real data sets that scikit-learn brings along; nothing is downloaded."""

from dataclasses import dataclass
from typing import ClassVar

from nnrun.problem.encoding import Goal, Split, encode
from nnrun.problem.problem import DATA, Problem


@dataclass(frozen=True)
class Bundled(Split):
    """A bundled data set, called in the registry as in ``sklearn.datasets.load_*``.

    Classes go by their names, in alphabetical order. The keys are those of ``Split``.
    """

    name: ClassVar[str]
    planar: ClassVar[bool] = False

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


@DATA.register("breast_cancer")
@dataclass(frozen=True)
class BreastCancer(Bundled):
    """569 tumours, 30 measures of their cell nuclei: 357 benign, 212 malignant.

    scikit-learn codes benign as 1; here the output is 1 for malignant, which its name says.

    References:
        Wolberg, Mangasarian, Street & Street, Breast Cancer Wisconsin (Diagnostic), 1993,
        doi:10.24432/C5DW2B.
    """


@DATA.register("digits")
@dataclass(frozen=True)
class Digits(Bundled):
    """1797 handwritten digits of 8 x 8 pixels, with intensities 0 to 16: 10 classes.

    References:
        Alpaydin & Kaynak, Optical Recognition of Handwritten Digits, 1998, doi:10.24432/C50P49.
    """


@DATA.register("iris")
@dataclass(frozen=True)
class Iris(Bundled):
    """150 iris flowers, 4 measures in centimetres: 50 each of 3 species.

    References:
        Fisher, The use of multiple measurements in taxonomic problems, 1936,
        doi:10.1111/j.1469-1809.1936.tb02137.x.
    """


@DATA.register("wine")
@dataclass(frozen=True)
class Wine(Bundled):
    """178 wines, 13 chemical measures: 59, 71 and 48 of 3 growers.

    References:
        Aeberhard & Forina, Wine, 1992, doi:10.24432/C5PC7J.
    """


@DATA.register("diabetes")
@dataclass(frozen=True)
class Diabetes(Bundled):
    """442 patients, 10 measures: the progression of their diabetes a year later, a quantity.

    References:
        Efron, Hastie, Johnstone & Tibshirani, Least angle regression, 2004,
        doi:10.1214/009053604000000067.
    """
