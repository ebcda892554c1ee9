"""A prediction is a distribution, the product of its factors, and forgets the rows left out."""

from __future__ import annotations

import numpy as np
import pytest

from instance_agent.inference.prediction import predict, predict_each
from instance_agent.inference.problem import Distribution
from tests.unit.instance_agent.inference.array_columns import Table

Cells = list[object]


def shop(rows: int, seed: int = 1, *, many: bool = False) -> Table:
    """Rows with a category, a text, a number, an array, gaps, and a target that depends on the first three."""
    random = np.random.default_rng(seed)
    kind = random.integers(0, 3, rows)
    words = np.array(["red", "blue", "green", "old", "new", "big"])
    color: Cells = [["ash", "birch", "cedar"][k] if random.random() < 0.8 else "oak" for k in kind]
    text: Cells = [
        list(random.choice(words, 3, replace=False)) + ([f"w{k}"] if random.random() < 0.5 else []) for k in kind
    ]
    price: Cells = [float(round(10 * k + 4 * random.standard_normal(), 1)) for k in kind]
    tags: Cells = [[t for t in ("a", "b", "c") if random.random() < 0.4] for _ in kind]
    for cells in (color, price):
        for row in random.choice(rows, rows // 10, replace=False).tolist():
            cells[row] = None
    target: Cells = [[f"t{k}", *(["extra"] if random.random() < 0.3 else [])] if many else f"t{k}" for k in kind]
    for row in random.choice(rows, rows // 12, replace=False).tolist():
        target[row] = None
    return Table({"color": color, "text": text, "price": price, "tags": tags}, target, frozenset({"text"}))


def every(table: Table) -> np.ndarray:
    return np.ones(len(table.classes), dtype=np.bool_)


def multiplied(found: Distribution) -> np.ndarray:
    product = found.base * found.lifts.prod(axis=0)
    for normalizer in found.normalizers:
        product = product * normalizer.values
    return np.asarray(product)


@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize("rows", [1, 2, 30, 300])
def test_probabilities_sum_to_one_and_multiply_up(rows: int, many: bool) -> None:
    table = shop(rows, many=many)
    for row in range(0, rows, max(1, rows // 10)):
        for given in (table.row(row), {}, {"color": "unseen", "price": 1e9}):
            found = predict(table.problem(given), every(table))
            assert found.probabilities.sum() == pytest.approx(1.0 if table.classes else 0.0, abs=1e-12)
            assert ((found.probabilities >= 0) & (found.probabilities <= 1)).all()
            assert multiplied(found) == pytest.approx(found.probabilities, rel=1e-12, abs=1e-12)
            assert found.lifts.shape == (len(found.evidence), len(table.classes))
            each = predict_each(table.problem(given), every(table))
            assert ((each.probabilities >= 0) & (each.probabilities <= 1)).all()
            assert multiplied(each) == pytest.approx(each.probabilities, rel=1e-12, abs=1e-12)
