"""Evidence that repeats itself counts once."""

from __future__ import annotations

import numpy as np
import pytest

from instance_agent.inference.evidence import ClassCounts, FeatureCounts, feature_weights, predict_one, select_evidence
from instance_agent.inference.overlaps import SAMPLE, overlaps
from instance_agent.inference.redundancy import FULL_STRENGTH, weights

Rows = np.ndarray


def learn(classes: Rows, class_count: int) -> tuple[ClassCounts, np.ndarray]:
    rows = np.bincount(classes, minlength=class_count).astype(np.float64)
    return ClassCounts(float(len(classes)), rows, True), rows


def probabilities(columns: Rows, classes: Rows, case: Rows) -> np.ndarray:
    """P(class) given that every column has the case's value, classes 0 and 1."""
    target, class_rows = learn(classes, 2)
    lists = [np.flatnonzero(columns[:, at] == case[at]).astype(np.uint32) for at in range(columns.shape[1])]
    features = [
        FeatureCounts(
            float(len(rows)),
            np.bincount(classes[rows], minlength=2).astype(np.float64),
            class_rows,
            target.rows,
        )
        for rows in lists
        if len(rows)
    ]
    kept = select_evidence(target, features).kept
    shared = overlaps([lists[place] for place in kept], len(classes))
    chosen = [features[place] for place in kept]
    given = feature_weights(target, chosen, shared)
    return predict_one(target, chosen, given, np.ones(2, dtype=np.bool_)).probabilities


def log_loss(columns: Rows, classes: Rows, trained: int) -> float:
    found = [
        -np.log(probabilities(columns[:trained], classes[:trained], case)[truth])
        for case, truth in zip(columns[trained:], classes[trained:], strict=True)
    ]
    return float(np.mean(found))


@pytest.mark.parametrize("flipped", [0.0, 0.1, 0.3])
def test_fifty_copies_of_a_weak_hint_are_no_worse_than_the_base_rate(flipped: float) -> None:
    losses = []
    for seed in range(3):
        random = np.random.default_rng(seed)
        classes = random.integers(0, 2, 660)
        hint = np.where(random.random(660) < 0.6, classes, 1 - classes)
        copies = np.stack([np.where(random.random(660) < flipped, 1 - hint, hint) for _ in range(50)], axis=1)
        losses.append(log_loss(copies, classes, trained=600))
    assert np.mean(losses) < np.log(2) + 0.02


def test_independent_hints_add_up() -> None:
    random = np.random.default_rng(7)
    rows, trained = 700, 600
    classes = random.integers(0, 2, rows)
    hints = np.stack([np.where(random.random(rows) < 0.35, 1 - classes, classes) for _ in range(10)], axis=1)
    assert log_loss(hints, classes, trained) < 0.5


def test_copies_share_one_voice_and_independent_features_keep_theirs() -> None:
    assert weights(np.ones((5, 5))) == pytest.approx([0.2] * 5)
    assert weights(np.eye(3)) == pytest.approx([1.0] * 3)
    assert weights(np.eye(60)).sum() == pytest.approx(FULL_STRENGTH)
    assert weights(np.zeros((0, 0))).size == 0


def test_a_feature_that_a_class_determines_is_still_seen_as_a_copy_of_its_twin() -> None:
    classes = np.repeat([0, 1, 2], 100)
    rows = np.flatnonzero(classes == 1).astype(np.uint32)
    target, class_rows = learn(classes, 3)
    twin = FeatureCounts(100.0, np.array([0.0, 100.0, 0.0]), class_rows, 300.0)
    assert feature_weights(target, [twin, twin], overlaps([rows, rows], 300)) == pytest.approx([0.5, 0.5])


def test_overlaps_are_counted_exactly_for_short_lists() -> None:
    random = np.random.default_rng(3)
    lists = [np.flatnonzero(random.random(2000) < share).astype(np.uint32) for share in (0.01, 0.3, 0.9, 0.0)]
    found = overlaps(lists, 2000)
    expected = [[len(np.intersect1d(left, right)) for right in lists] for left in lists]
    assert found == pytest.approx(np.array(expected, dtype=np.float64))


def test_overlaps_of_long_lists_are_close_and_always_the_same() -> None:
    random = np.random.default_rng(3)
    lists = [np.flatnonzero(random.random(20 * SAMPLE) < share).astype(np.uint32) for share in (0.5, 0.6)]
    found = overlaps(lists, 20 * SAMPLE)
    assert found[0, 1] == pytest.approx(len(np.intersect1d(lists[0], lists[1])), rel=0.05)
    assert (overlaps(lists, 20 * SAMPLE) == found).all()
