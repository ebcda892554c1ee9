"""`$highlight` as a member of hits: the evidence that speaks for a hit, and what a search found in its own text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.query.filtering.similarity import likeness
from instance_agent.query.filtering.value_tests import tokens_of
from instance_agent.query.hits.assembly import Column, Member, Shown
from instance_agent.query.hits.highlight import entry, marked, marked_texts, texts_of
from instance_agent.query.hits.spans import segments_of, spans_of
from instance_agent.query.language.propositions import All, FieldTest, Has
from instance_agent.query.language.scores import HighlightOptions, Projection, Score
from instance_agent.query.learning.targets import below
from instance_agent.query.scope import FieldName, Scope, last_column
from instance_agent.query.scoring.about import texts_in
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.cells import cells_at
from instance_agent.query.scoring.explanation import explain
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import JsonValue

VALUES = 3
"""In one highlighted field."""


@dataclass(frozen=True)
class Searched:
    """Words that were looked for in one Text field of rows."""

    table: TableView
    path: tuple[str, ...]
    tests: tuple[FieldTest, ...]


def highlights_of_rows(hits: RowHits, projection: Projection, options: HighlightOptions) -> Member:
    """The rows' texts with the words marked that `where` looks for."""
    searched = _searched(hits.table, texts_in(hits.scope, hits.table, (hits.where,)))

    def read(shown: Shown) -> Column:
        return _found(hits.scope, searched, hits.rows[shown.places], options)

    return Member(projection.key, read, weight=VALUES * (1 + len(searched)))


def highlights_of_candidates(
    hits: CandidateHits, projection: Projection, score: Score, options: HighlightOptions
) -> Member:
    """The texts of the query that are evidence for the candidate, then what was looked for in its own texts."""
    texts = texts_of(hits.scope, hits.table, hits.evidence)
    linked = hits.target.linked
    searched: list[Searched] = []
    if linked is not None:
        about = texts_in(hits.scope, hits.table, hits.about_target)
        searched = _searched(linked.table, [_below(test, hits, linked.key) for test in about])

    def read(shown: Shown) -> Column:
        found: list[JsonValue] = []
        own = _found(hits.scope, searched, hits.linked_rows(shown.places), options) if searched else None
        for at, place in enumerate(shown.places.tolist()):
            lifts = why.lifts_in(explain(hits, score, place, None))
            marks: list[JsonValue] = list(
                marked_texts(texts, ((lift.proposition, lift.value) for lift in lifts), options)
            )
            more = own[at] if own is not None else None
            found.append([*marks, *(more if isinstance(more, list) else [])])
        return found

    return Member(projection.key, read, weight=VALUES * (1 + len(texts.said) + len(searched)))


def _below(test: FieldTest, hits: CandidateHits, key: str) -> FieldTest:
    found = below(test, hits.target.path, key)
    if not isinstance(found, FieldTest):
        raise TypeError("a test stays a test")
    return found


def _searched(table: TableView, tests: Sequence[FieldTest]) -> list[Searched]:
    by_path: dict[tuple[str, ...], list[FieldTest]] = {}
    for test in tests:
        by_path.setdefault(test.path, []).append(test)
    return [Searched(table, path, tuple(of_path)) for path, of_path in by_path.items()]


def _found(scope: Scope, searched: Sequence[Searched], rows: NDArray[np.integer], options: HighlightOptions) -> Column:
    found: list[list[JsonValue]] = [[] for _ in range(len(rows))]
    for field in searched:
        name = FieldName(field.path, field.tests[0].place, "")
        column = last_column(scope, field.table, name)
        wanted = {token: True for test in field.tests for token in _tokens(test, scope, field)}
        cells = cells_at(scope, field.table, field.path, name)(rows.tolist())
        lifts = likeness(scope, field.table, rows.astype(np.uint32), All(field.tests)).tolist()
        for at, cell in enumerate(cells):
            scope.deadline.check()
            if not isinstance(cell, str):
                continue
            spans = spans_of(cell, segments_of(cell, column.analyze), wanted)
            if spans:
                found[at].append(entry(lifts[at], ".".join(field.path), marked(cell, spans, options)))
    return found


def _tokens(test: FieldTest, scope: Scope, field: Searched) -> Iterator[str]:
    name = FieldName(field.path, test.place, "")
    column = last_column(scope, field.table, name)
    match test.test:
        case Has(str() as token):
            yield token
        case said:
            yield from tokens_of(column, getattr(said, "value", getattr(said, "text", None)), name)
