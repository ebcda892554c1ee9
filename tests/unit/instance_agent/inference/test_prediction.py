"""A prediction is a distribution, the product of its factors, and forgets the rows left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from instance_agent.inference import stack
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


def test_pieces_that_always_come_together_share_one_voice() -> None:
    words: Cells = [["red", "crimson", "big"] if row % 2 else ["blue", "small"] for row in range(100)]
    table = Table({"text": words}, ["r" if row % 2 else "b" for row in range(100)], frozenset({"text"}))
    problem = table.problem({"text": ["red", "crimson", "big"]})
    found = stack.say(problem)
    assert found is not None
    alone = stack.say(table.problem({"text": ["red"]}))
    assert alone is not None
    assert found[0].log_lifts.sum(axis=0) == pytest.approx(alone[0].log_lifts[0], rel=0.05)


def test_the_same_rows_and_query_give_the_same_bytes_whatever_was_asked_before() -> None:
    table, again = shop(400), shop(400)
    query = table.row(7)
    for row in range(0, 400, 40):
        predict(table.problem(table.row(row)), every(table))
        predict(table.problem({"color": "oak"}), every(table))
    first = predict(again.problem(query), every(again))
    assert predict(table.problem(query), every(table)).probabilities.tobytes() == first.probabilities.tobytes()
    reordered = dict(reversed(query.items()))
    assert predict(table.problem(reordered), every(table)).probabilities.tobytes() == first.probabilities.tobytes()


def test_the_numbering_of_features_is_an_accident() -> None:
    table, other = shop(300), shop(300)
    for column in other.array_columns:
        renumber = np.random.default_rng(5).permutation(column.feature_count).astype(np.int32)
        column.places = {value: int(renumber[code]) for value, code in column.places.items()}
        column.feature_codes = renumber[column.feature_codes]
        column.codes = np.where(column.codes >= 0, renumber[column.codes], np.int32(-1)).astype(np.int32)
    for row in range(0, 300, 30):
        mine, theirs = (predict(one.problem(table.row(row)), every(one)) for one in (table, other))
        assert mine.probabilities.tobytes() == theirs.probabilities.tobytes()


def test_what_no_row_knows_says_nothing() -> None:
    table = shop(200)
    nothing = predict(table.problem({}), every(table)).probabilities
    unseen = {"color": "mauve", "text": ["unheard"], "tags": ["zzz"]}
    assert predict(table.problem(unseen), every(table)).probabilities.tobytes() == nothing.tobytes()
    seen = {"color": "ash"}
    alone = predict(table.problem(seen), every(table)).probabilities
    assert predict(table.problem({**unseen, **seen}), every(table)).probabilities.tobytes() == alone.tobytes()


def test_a_row_left_out_does_not_speak_for_its_own_class() -> None:
    random = np.random.default_rng(8)
    noise: Cells = [float(value) for value in random.normal(size=200)]
    codes: Cells = [f"v{value}" for value in random.integers(0, 40, 200).tolist()]
    table = Table({"x": noise, "c": codes}, [f"t{value}" for value in random.integers(0, 2, 200).tolist()])
    given = [
        predict(table.problem(table.row(row), [row]), every(table)).probabilities[table.classes.index(truth)]
        for row, truth in enumerate(map(str, table.target))
    ]
    assert np.mean(given) == pytest.approx(0.5, abs=0.05)


def test_first_rows_are_what_is_fitted_and_later_ones_are_counted() -> None:
    table = shop(240)
    added = {"color": "ebony", "text": ["old", "heavy"], "price": None, "tags": None}
    later: dict[str, Sequence[object]] = {name: [*cells, *[added[name]] * 12] for name, cells in table.columns.items()}
    grown = Table(later, [*table.target, *["t9"] * 12], table.texts)
    query: dict[str, object] = {"color": "ebony", "text": ["heavy"]}
    smaller = table.problem(query)
    problem = replace(grown.problem(query), first=lambda: smaller, cache=table.cache)
    found = predict(problem, every(grown))
    assert found.probabilities.sum() == pytest.approx(1)
    assert multiplied(found) == pytest.approx(found.probabilities, rel=1e-12, abs=1e-12)
    kept = {key for key in table.cache if isinstance(key, tuple)}
    assert {key[0] for key in kept} == {len(smaller.learned)}
    assert found.probabilities[grown.classes.index("t9")] > 0.5


def test_equal_classes_stay_equal_and_classes_that_are_not_allowed_are_not_answered() -> None:
    rows = 140
    table = Table({"c": ["x" if row % 2 else "y" for row in range(rows)]}, [f"t{row % 14}" for row in range(rows)])
    problem = table.problem({"c": "x"})
    found = predict(problem, every(table)).probabilities
    allowed = every(table)
    allowed[[0, 3]] = False
    fewer = predict(problem, allowed)
    assert len(fewer.probabilities) == 12
    assert fewer.probabilities.sum() == pytest.approx(1)
    assert fewer.probabilities == pytest.approx(found[allowed] / found[allowed].sum(), rel=1e-3)
    unknown = Table({"c": ["x", "y"] * 70}, ["t0", "t1"] * 69 + ["rare1", "rare2"])
    tied = predict(unknown.problem({"c": "y"}), every(unknown))
    assert tied.probabilities[2] < tied.probabilities[3]
    assert len(predict(problem, np.zeros(14, dtype=np.bool_)).probabilities) == 0


def test_numbers_that_two_columns_only_say_together_are_learned() -> None:
    random = np.random.default_rng(9)
    left, right = random.uniform(-1, 1, 400), random.uniform(-1, 1, 400)
    columns: dict[str, Sequence[object]] = {"l": left.tolist(), "r": right.tolist()}
    table = Table(columns, ["same" if a * b > 0 else "other" for a, b in zip(left, right, strict=True)])
    same = table.classes.index("same")
    assert predict(table.problem({"l": 0.6, "r": 0.7}), every(table)).probabilities[same] > 0.85
    assert predict(table.problem({"l": 0.6, "r": -0.7}), every(table)).probabilities[same] < 0.15
