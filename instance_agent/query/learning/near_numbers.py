"""A number as evidence that hardly any row has: the rows that have numbers near it."""

from __future__ import annotations

import numpy as np

from instance_agent.inference.problem import Rows
from instance_agent.query.learning.evidence import Evidence

FEW_ROWS = 32
"""A number that fewer rows have, and fewer than √n, is told by the rows with numbers near it."""


def around_number(piece: Evidence, rows: Rows) -> tuple[Evidence, Rows]:
    """The piece and the rows learned from that tell it: those that have it, or else about 6·√n, n those with a number.

    These have the numbers at the least distance; those at the largest of these distances are all in, or all out when
    they are many. rows: those that have the piece.
    """
    column = piece.column
    if column is None or piece.number is None or len(rows) >= FEW_ROWS or column.numbers is None:
        return piece, rows
    numbers = column.numbers
    known = np.flatnonzero(piece.learned & ~np.isnan(numbers)).astype(np.uint32)
    wanted = min(int(6 * np.sqrt(len(known))), len(known))
    if not wanted or len(rows) ** 2 >= len(known):
        return piece, rows
    distances = np.abs(numbers[known] - piece.number)
    farthest = np.partition(distances, wanted - 1)[wanted - 1]
    near = distances <= farthest
    if np.count_nonzero(near) > 2 * wanted:
        near = distances < farthest
    return Evidence(piece.proposition, None, 1, None, known[near], piece.learned), known[near]
