"""scikit-learn, given what a practitioner would give it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from benchmarks.accuracy.data_set import NUMBERS, TEXT, Row

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CALIBRATION_SHARE: Final = 0.2
TEXT_DIMENSIONS: Final = 50
TEMPERATURES: Final = np.exp(np.linspace(-1.5, 2.0, 71))


class Model(Protocol):
    def fit(self, x: object, y: Ints) -> object: ...

    def predict_proba(self, x: object) -> Floats: ...


class Encoder:
    """Rows as a matrix. Numbers as they are or scaled, text by tf-idf, missing values marked or left to the trees."""

    def __init__(self, types: dict[str, str], *, for_trees: bool, dense: bool) -> None:
        """dense: categories as codes and text in few dimensions, for gradient boosting."""
        self._numbers = [name for name, kind in types.items() if kind in NUMBERS]
        self._texts = [name for name, kind in types.items() if kind == TEXT]
        self._values = [name for name in types if name not in {*self._numbers, *self._texts}]
        self._for_trees, self._dense = for_trees, dense

    def fit(self, rows: list[Row]) -> Encoder:
        numbers = self._raw_numbers(rows)
        self._means = np.nan_to_num(np.nanmean(np.vstack([numbers, np.zeros(numbers.shape[1])]), axis=0))
        self._scaler = StandardScaler().fit(self._filled(numbers)) if self._numbers else None
        if self._values:
            if self._dense:
                self._categories = OrdinalEncoder(
                    handle_unknown="use_encoded_value", unknown_value=np.nan, max_categories=250
                ).fit(self._raw_values(rows))
            else:
                self._categories = OneHotEncoder(handle_unknown="ignore").fit(self._raw_values(rows))
        self._vectorizers = [_vectorizer().fit(_texts(rows, name)) for name in self._texts]
        self._reducers = []
        for name, vectorizer in zip(self._texts, self._vectorizers, strict=True):
            words = vectorizer.transform(_texts(rows, name))
            size = min(TEXT_DIMENSIONS, words.shape[1] - 1, words.shape[0] - 1)
            self._reducers.append(TruncatedSVD(size, random_state=0).fit(words) if self._dense and size > 1 else None)
        return self

    def transform(self, rows: list[Row]) -> object:
        parts: list[object] = []
        numbers = self._raw_numbers(rows)
        if self._numbers:
            if self._dense:
                parts.append(numbers)
            else:
                filled = self._filled(numbers)
                parts.append(filled if self._for_trees or self._scaler is None else self._scaler.transform(filled))
                gaps = np.isnan(numbers)
                parts.append(gaps.astype(np.float64))
        if self._values:
            parts.append(self._categories.transform(self._raw_values(rows)))
        for name, vectorizer, reducer in zip(self._texts, self._vectorizers, self._reducers, strict=True):
            words = vectorizer.transform(_texts(rows, name))
            parts.append(words if not self._dense else words.toarray() if reducer is None else reducer.transform(words))
        if self._dense:
            return np.hstack([np.asarray(part) for part in parts])
        return hstack([csr_matrix(part) for part in parts]).tocsr()

    def _raw_numbers(self, rows: list[Row]) -> Floats:
        values = [[float(str(row[name])) if name in row else np.nan for name in self._numbers] for row in rows]
        return np.array(values, dtype=np.float64).reshape(len(rows), len(self._numbers))

    def _filled(self, numbers: Floats) -> Floats:
        return np.where(np.isnan(numbers), self._means, numbers)

    def _raw_values(self, rows: list[Row]) -> list[list[str]]:
        return [[str(row.get(name, "-")) for name in self._values] for row in rows]


def _vectorizer() -> TfidfVectorizer:
    return TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")  # noqa: S106 - no password


def _texts(rows: list[Row], name: str) -> list[str]:
    return [str(row.get(name, "nothing")) for row in rows]


@dataclass(frozen=True)
class Peer:
    """One way to learn."""

    name: str
    for_trees: bool
    dense: bool
    models: tuple[Callable[[], Model], ...]  # the one with the lowest log-loss on the held-out part is taken


def _logistic(strength: float) -> Callable[[], Model]:
    return lambda: LogisticRegression(C=strength, max_iter=1000)


def _forest(leaf: int) -> Callable[[], Model]:
    return lambda: RandomForestClassifier(300, min_samples_leaf=leaf, random_state=0)


def _boosting(rounds: int, leaves: int) -> Callable[[], Model]:
    """Early stopping isn't used: it refuses classes that have a single row."""
    return lambda: HistGradientBoostingClassifier(
        learning_rate=0.1, max_leaf_nodes=leaves, max_iter=rounds, early_stopping=False, random_state=0
    )


_PEERS: Final = (
    Peer("logistic regression", False, False, tuple(_logistic(c) for c in (0.1, 1.0, 10.0, 100.0))),
    Peer("random forest", True, False, (_forest(1), _forest(3))),
    Peer(
        "gradient boosting",
        True,
        True,
        (_boosting(100, 8), _boosting(50, 31)),
    ),
)


@dataclass(frozen=True)
class PeerAnswer:
    """Probabilities of rows x classes, in the order of the classes learned from."""

    plain: Floats  # fitted with all rows
    calibrated: Floats  # fitted with all but the held-out part, which gave the temperature
    milliseconds: float  # for one prediction, one row at a time


def answer(name: str, types: dict[str, str], rows: list[Row], classes: Ints, asked: list[Row]) -> PeerAnswer:
    """Learn from the rows, their classes given as 0..C-1, all of which occur."""
    peer = next(one for one in _PEERS if one.name == name)
    count = int(classes.max()) + 1
    held = int(len(rows) * CALIBRATION_SHARE)
    part = Encoder(types, for_trees=peer.for_trees, dense=peer.dense).fit(rows[held:])
    inside, outside, questions = (part.transform(some) for some in (rows[held:], rows[:held], asked))
    tried: list[tuple[float, int, Model, Floats]] = []
    for make in peer.models:
        model = make()
        model.fit(inside, classes[held:])
        found = _spread(model, outside, count)
        tried.append((_loss(found, classes[:held]), len(tried), model, found))
    best = min(tried)
    temperature = min(TEMPERATURES, key=lambda t: _loss(_tempered(best[3], t), classes[:held]))
    calibrated = _tempered(_spread(best[2], questions, count), temperature)
    whole = Encoder(types, for_trees=peer.for_trees, dense=peer.dense).fit(rows)
    model = peer.models[best[1]]()
    model.fit(whole.transform(rows), classes)
    plain = _spread(model, whole.transform(asked), count)
    some = asked[:10]
    started = time.perf_counter()
    for row in some:
        model.predict_proba(whole.transform([row]))
    return PeerAnswer(plain, calibrated, 1000 * (time.perf_counter() - started) / len(some))


def _spread(model: Model, x: object, count: int) -> Floats:
    """Probabilities of all classes; one that the model hasn't seen gets a share as for half a row."""
    found = model.predict_proba(x)
    seen = np.asarray(getattr(model, "classes_"), dtype=np.int64)  # noqa: B009 - has no types
    spread = np.full((len(found), count), 1e-4)
    spread[:, seen] = np.maximum(found, 1e-9)
    return np.asarray(spread / spread.sum(axis=1, keepdims=True))


def _tempered(probabilities: Floats, temperature: float) -> Floats:
    scores = np.log(probabilities) / temperature
    scores -= scores.max(axis=1, keepdims=True)
    return np.asarray(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))


def _loss(probabilities: Floats, classes: Ints) -> float:
    return float(-np.log(probabilities[np.arange(len(classes)), classes]).mean())
