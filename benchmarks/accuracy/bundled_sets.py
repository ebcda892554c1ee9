"""The sets of measured things that scikit-learn's own package brings along."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine

from benchmarks.accuracy.data_set import DataSet, Half, of_numbers, shuffled


def iris() -> DataSet:
    return _loaded("iris", "the species of a flower from four lengths", Half.DEVELOPMENT, load_iris())


def digits() -> DataSet:
    return _loaded("digits", "a handwritten digit from 8 x 8 shades of grey", Half.DEVELOPMENT, load_digits())


def wine() -> DataSet:
    return _loaded("wine", "who grew a wine, from its chemistry", Half.JUDGING, load_wine())


def breast_cancer() -> DataSet:
    return _loaded("breast cancer", "whether a tumour is malignant", Half.JUDGING, load_breast_cancer())


def diabetes() -> DataSet:
    bunch = load_diabetes(scaled=False)
    thirds = np.quantile(bunch.target, [1 / 3, 2 / 3])
    types, rows = of_numbers(bunch.data, np.searchsorted(thirds, bunch.target), _names(bunch.feature_names))
    about = "the progression of diabetes after a year, in thirds"
    return DataSet("diabetes", about, Half.JUDGING, types, "class", shuffled(rows))


def _loaded(name: str, about: str, half: Half, bunch: object) -> DataSet:
    data: NDArray[np.float64] = np.asarray(getattr(bunch, "data"), dtype=np.float64)  # noqa: B009 - has no types
    classes: NDArray[np.int64] = np.asarray(getattr(bunch, "target"), dtype=np.int64)  # noqa: B009
    types, rows = of_numbers(data, classes, _names(getattr(bunch, "feature_names")))  # noqa: B009
    return DataSet(name, about, half, types, "class", shuffled(rows))


def _names(names: list[str]) -> list[str]:
    """Names that a column may have."""
    return ["".join(letter if letter.isalnum() else "_" for letter in str(name)) for name in names]
