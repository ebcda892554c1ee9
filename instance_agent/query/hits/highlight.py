"""`$highlight` and the highlights of `$why`: texts with the tokens marked that raise or lower a score.

Evidence is shown in the text of the query, as `$context.field`; what a hit has in common with a search in the hit's
own text, as `field`. One entry per field; its score is |log2| of the lift of all that is marked in it.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

from instance_agent.engine.tables import TableView
from instance_agent.inference import why
from instance_agent.query.hits.spans import Segment, segments_of, spans_of
from instance_agent.query.language.propositions import Equals, FieldTest, Has, Is, Match, Proposition
from instance_agent.query.language.scores import HighlightOptions
from instance_agent.query.scope import FieldName, Scope, last_column
from instance_agent.query.scoring.about import tests_of
from instance_agent.schema.types import ColumnType, JsonValue

Lifts = Iterable[tuple[Mapping[str, JsonValue], float]]
"""Propositions as `$why` shows them, each with its lift."""


@dataclass
class Texts:
    """The texts that a query gave as evidence, and where their tokens stand; for one query."""

    scope: Scope
    table: TableView
    said: Mapping[str, tuple[str, ...]]  # by path what was said of the field, each once
    segments: dict[str, list[Segment]] = field(default_factory=dict)

    def text(self, path: str) -> str:
        """What was said, with spaces between."""
        return " ".join(self.said[path])

    def segments_at(self, path: str) -> list[Segment]:
        """The pieces of one text."""
        found = self.segments.get(path)
        if found is None:
            found = self.segments[path] = self._segments(path)
        return found

    def _segments(self, path: str) -> list[Segment]:
        column = last_column(self.scope, self.table, FieldName(tuple(path.split(".")), "where", ""))
        if column.schema.type is ColumnType.TEXT:
            return segments_of(self.text(path), column.analyze)
        ends = list(accumulate(len(one) + 1 for one in self.said[path]))
        return [Segment(end - 1 - len(one), end - 1, (one,)) for end, one in zip(ends, self.said[path], strict=True)]


def texts_of(scope: Scope, table: TableView, where: Sequence[Proposition]) -> Texts:
    """The texts in the evidence, by field: what was said of it, several things with a space between."""
    said: dict[str, list[str]] = {}
    for test in tests_of(where):
        for text in _texts(test):
            said.setdefault(test.field, []).append(text)
    return Texts(scope, table, {path: tuple(dict.fromkeys(texts)) for path, texts in said.items()})


def highlighted(
    scope: Scope, table: TableView, lifts: Lifts, where: Sequence[Proposition], options: HighlightOptions
) -> list[dict[str, JsonValue]]:
    """The texts of the evidence with the tokens marked that the lifts are of; fields without any are left out.

    lifts: propositions as `$why` shows them (`{"text": {"$has": "lunch"}}`, `$and` of these). where: the evidence as
    it was asked.
    """
    return marked_texts(texts_of(scope, table, where), lifts, options)


def marked_texts(texts: Texts, lifts: Lifts, options: HighlightOptions) -> list[dict[str, JsonValue]]:
    """The same with texts that are used again."""
    by_path: dict[str, dict[str, float]] = {}
    of_path: dict[str, float] = {}
    for proposition, lift in lifts:
        paths = set()
        for path, feature in _features(proposition):
            if path in texts.said:
                tokens = by_path.setdefault(path, {})
                tokens[feature] = tokens.get(feature, 1.0) * lift
                paths.add(path)
        for path in paths:
            of_path[path] = of_path.get(path, 1.0) * lift
    found = []
    for path, tokens in by_path.items():
        text = texts.text(path)
        marks = {token: lift > 1 for token, lift in tokens.items() if _counts(lift, options)}
        spans = spans_of(text, texts.segments_at(path), marks)
        if spans:
            found.append(entry(of_path[path], f"$context.{path}", marked(text, spans, options)))
    return found


def with_highlights(node: why.Node, texts: Texts, options: HighlightOptions) -> why.Node:
    """The tree with a highlight at each lift of evidence that is text."""

    def change(lift: why.Lift) -> why.Lift:
        marks = marked_texts(texts, [(lift.proposition, lift.value)], options)
        return replace(lift, highlight=tuple(marks)) if marks else lift

    return why.with_lifts(node, change)


def entry(lift: float, name: str, text: str) -> dict[str, JsonValue]:
    """One highlighted field."""
    score = abs(math.log2(lift)) if 0 < lift < math.inf else 0.0
    return {"score": score, "field": name, "highlight": text}


def marked(text: str, spans: Sequence[tuple[int, int, bool]], options: HighlightOptions) -> str:
    """The text with tags around the spans: (start, end, is it positive), in order, apart."""
    pieces: list[str] = []
    written = html.escape if options.encode_html else str
    last = 0
    for start, end, positive in spans:
        before, after = (
            (options.positive_before, options.positive_after)
            if positive
            else (options.negative_before, options.negative_after)
        )
        pieces += [written(text[last:start]), before, written(text[start:end]), after]
        last = end
    return "".join([*pieces, written(text[last:])])


def _counts(lift: float, options: HighlightOptions) -> bool:
    return lift > options.positive_threshold if lift > 1 else lift < options.negative_threshold


def _texts(test: FieldTest) -> Iterator[str]:
    match test.test:
        case Equals(value) | Is(value) | Match(value) | Has(value):
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, str):
                    yield one


def _features(proposition: Mapping[str, JsonValue]) -> Iterator[tuple[str, str]]:
    """The features of a proposition as `$why` shows it, that are strings: (path, feature)."""
    for path, test in proposition.items():
        if path == "$and" and isinstance(test, list):
            for part in test:
                if isinstance(part, dict):
                    yield from _features(part)
        elif isinstance(test, dict) and isinstance(test.get("$has"), str):
            yield path, str(test["$has"])
