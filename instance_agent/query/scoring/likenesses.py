"""`$similarity` and `$sameness`: how like a hit is to a text or a proposition; 1 for nothing shared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.query.filtering.similarity import explain_likeness, likeness
from instance_agent.query.language.propositions import All, Equals, FieldTest, Proposition
from instance_agent.query.language.scores import Likeness
from instance_agent.query.learning.targets import OneValue, below
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import FieldName
from instance_agent.query.scoring.about import texts_in, with_paths
from instance_agent.query.scoring.arithmetic import Scores
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.fields import Hits, path_of_hit
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import ColumnType


@dataclass(frozen=True)
class Compared:
    """Rows, one for each hit, and what they are compared with."""

    table: TableView
    rows: NDArray[np.uint32]
    near: Proposition


def likeness_to(hits: Hits, score: Likeness) -> Scores:
    """Per hit its likeness to what the score names."""
    return _likeness(hits, compared_with(hits, score), sameness=score.sameness)


def likeness_to_where(hits: Hits, *, sameness: bool) -> Scores:
    """Per hit its likeness to the text conditions of `where` about it."""
    return _likeness(hits, compared_with_where(hits), sameness=sameness)


def explained(hits: Hits, compared: Compared | None, place: int, *, sameness: bool) -> why.Node:
    """The product that one hit's likeness is."""
    if compared is None:
        return why.Product(())
    return explain_likeness(hits.scope, compared.table, int(compared.rows[place]), compared.near, sameness=sameness)


def compared_with(hits: Hits, score: Likeness) -> Compared:
    """The rows of the hits, and what the score compares them with. Raises 400 for hits that can't be compared."""
    if isinstance(hits, RowHits):
        return Compared(hits.table, hits.rows, _near_of_rows(hits.table, score))
    linked = hits.target.linked
    if linked is None:
        return Compared(hits.table, _first_rows(hits, score.place), _near_of_values(hits, score))
    rows = hits.linked_rows(hits.every_place).astype(np.uint32)
    if isinstance(score.to, str):
        return Compared(linked.table, rows, _near_of_rows(linked.table, score))
    return Compared(linked.table, rows, about_rows(hits, score.to, linked.key))


def compared_with_where(hits: Hits) -> Compared | None:
    """The rows of the hits, and the texts that `where` looks for in them; None without any."""
    if isinstance(hits, RowHits):
        texts = texts_in(hits.scope, hits.table, (hits.where,))
        return Compared(hits.table, hits.rows, All(tuple(texts))) if texts else None
    texts = texts_in(hits.scope, hits.table, hits.about_target)
    linked = hits.target.linked
    if not texts or (linked is None and not isinstance(hits.target, OneValue)):
        return None
    if linked is None:
        return Compared(hits.table, _first_rows(hits, texts[0].place), All(tuple(texts)))
    rows = hits.linked_rows(hits.every_place).astype(np.uint32)
    return Compared(linked.table, rows, All(tuple(below(text, hits.target.path, linked.key) for text in texts)))


def about_rows(hits: CandidateHits, proposition: Proposition, key: str) -> Proposition:
    """A proposition about the hits, said of the rows they are. Raises `field 'x' not found`."""

    def relative(path: tuple[str, ...], place: str) -> tuple[str, ...]:
        found = path_of_hit(hits, path)
        if found is None:
            raise FieldName(path, place, "").not_found()
        return found or (key,)

    return with_paths(proposition, relative)


def _likeness(hits: Hits, compared: Compared | None, *, sameness: bool) -> Scores:
    if compared is None or not len(compared.rows):
        return np.ones(len(hits))
    return likeness(hits.scope, compared.table, compared.rows, compared.near, sameness=sameness)


def _near_of_rows(table: TableView, score: Likeness) -> Proposition:
    if not isinstance(score.to, str):
        return score.to
    texts = [name for name, column in table.schema.columns.items() if column.type is ColumnType.TEXT]
    return All(tuple(FieldTest((name,), Equals(score.to), score.place) for name in texts))


def _near_of_values(hits: CandidateHits, score: Likeness) -> Proposition:
    if isinstance(score.to, str):
        return FieldTest(hits.target.path, Equals(score.to), score.place)
    return about_rows_of_values(hits, score.to)


def about_rows_of_values(hits: CandidateHits, proposition: Proposition) -> Proposition:
    """A proposition about hits that are values, said of the rows of `from` that have them."""

    def same(path: tuple[str, ...], place: str) -> tuple[str, ...]:
        if path != hits.target.path:
            raise FieldName(path, place, "").not_found()
        return path

    return with_paths(proposition, same)


def _first_rows(hits: CandidateHits, place: str) -> NDArray[np.uint32]:
    """Per hit the first row of `from` that has it."""
    if not isinstance(hits.target, OneValue):
        raise invalid("single features have no similarity; this needs hits that are rows or whole values", place)
    at, candidates = hits.target.entries(hits.target.learned_rows)
    first: NDArray[np.uint32] = np.zeros(len(hits.target.candidates), np.uint32)
    first[candidates[::-1]] = hits.target.learned_rows[at[::-1]]
    return first[hits.candidates]
