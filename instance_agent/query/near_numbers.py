"""A number as evidence that hardly any row has: the rows that have numbers near it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from instance_agent.query.evidence import Evidence

FEW_ROWS = 32
"""A number that fewer rows have is told by the rows with numbers near it."""


def around_numbers(pieces: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """The pieces, with a number that hardly any row has as the rows that have numbers near it."""
    return tuple(_around(piece) if piece.number is not None else piece for piece in pieces)


def _around(piece: Evidence) -> Evidence:
    """About 6·√n rows, n the rows learned from that have a number: those at the least distance, ties in or out."""
    column = piece.column
    if column is None or piece.number is None or len(piece.rows) >= FEW_ROWS:
        return piece
    numbers = column.numbers
    if numbers is None:
        return piece
    rows = np.flatnonzero(piece.learned & ~np.isnan(numbers)).astype(np.uint32)
    wanted = int(6 * np.sqrt(len(rows)))
    if not wanted:
        return piece
    distances = np.abs(numbers[rows] - piece.number)
    farthest = np.partition(distances, min(wanted, len(rows)) - 1)[min(wanted, len(rows)) - 1]
    near = distances <= farthest
    if np.count_nonzero(near) > 2 * wanted:
        near = distances < farthest
    return Evidence(piece.proposition, None, 1, None, rows[near], piece.learned)
