"""Rows that lead to a feature behind links, without a look at every row of the first table where that can be helped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from instance_agent.index.column import ColumnView
from instance_agent.index.ragged import gathered
from instance_agent.inference.problem import Rows
from instance_agent.query.paths import FEW_KEYS, Hop, PathColumn


def rows_with(column: PathColumn, code: int) -> Rows:
    """The rows of the first table that have the feature, increasing."""
    rows = column.column.rows_with(column.features[code])
    for hop in reversed(column.hops):
        rows = _linking(hop.link, np.flatnonzero(_leading(hop, rows)))
    return rows


def having(column: PathColumn, code: int, rows: Rows) -> NDArray[np.bool_]:
    """Which of these rows of the first table have the feature."""
    found = column.column.rows_with(column.features[code])
    for hop in reversed(column.hops[1:]):
        found = _linking(hop.link, np.flatnonzero(_leading(hop, found)))
    if not column.hops:
        at = np.minimum(np.searchsorted(found, rows), max(0, len(found) - 1))
        return np.asarray(found[at] == rows) if len(found) else np.zeros(len(rows), np.bool_)
    leads = np.append(_leading(column.hops[0], found), False)
    link = column.hops[0].link
    if not link.splits:
        return leads[link.codes[rows]]
    offsets, codes = gathered(link.feature_offsets, link.feature_codes, rows)
    ends = np.append(0, np.cumsum(leads[codes]))[offsets.astype(np.int64)]
    return np.asarray(ends[1:] > ends[:-1])


def _leading(hop: Hop, rows: Rows) -> NDArray[np.bool_]:
    """Per feature of the link, whether it leads to one of these rows."""
    among = np.zeros(hop.target.row_count + 1, np.bool_)
    among[rows] = True
    return among[hop.first_rows]


def _linking(link: ColumnView, codes: NDArray[np.int64]) -> Rows:
    """The rows that have one of these features of a link, increasing."""
    if len(codes) <= FEW_KEYS:
        found = [link.rows_with(link.features[code]) for code in codes.tolist()]
        rows = np.sort(np.concatenate(found)) if found else np.empty(0, np.uint32)
        return rows if not link.splits else np.unique(rows)
    wanted = np.zeros(len(link.features) + 1, np.bool_)
    wanted[codes] = True
    if not link.splits:
        return np.flatnonzero(wanted[link.codes]).astype(np.uint32)
    entries = np.flatnonzero(wanted[link.feature_codes])
    owners = np.searchsorted(link.feature_offsets, entries, side="right") - 1
    return np.unique(owners).astype(np.uint32)
