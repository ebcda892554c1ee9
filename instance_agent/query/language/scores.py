"""Scores: what `orderBy`, `goal` and projections can compute about a hit, as a tree. `grammar` makes it from JSON.

A hit is a row (`_search`, `_query`), or a candidate of `get`, `match`, `recommend`, `predict`: a value, a feature, or
the row that a link points to.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Union

from instance_agent.query.language.propositions import Proposition, PropositionSet


@dataclass(frozen=True)
class Constant:
    """A number."""

    value: float


@dataclass(frozen=True)
class FieldValue:
    """A field of the hit, links followed; `$index` is the path ("$index",)."""

    path: tuple[str, ...]
    place: str


class Own(Enum):
    """Scores that an answer gives to its hits by itself."""

    PROBABILITY = "$p"
    LIFT = "$lift"
    FREQUENCY = "$f"
    SIMILARITY = "$similarity"
    SAMENESS = "$sameness"
    SCORE = "$score"
    VALUE = "$value"


@dataclass(frozen=True)
class OwnScore:
    """One of them by name."""

    which: Own
    place: str


@dataclass(frozen=True)
class Probability:
    """`$p`, `$lift`, `$probability`, `$probabilityLift` with arguments: of these propositions, given the hit."""

    of: PropositionSet
    based_on: PropositionSet | None
    relative: bool  # divided by the base rate: $lift
    place: str


@dataclass(frozen=True)
class Frequency:
    """`{"$f": {"$context": P}}`: rows of `from` with the hit that satisfy P; in `_aggregate` rows that do."""

    condition: Proposition
    place: str


class Statistic(Enum):
    """What is computed over the rows of `from` that have a hit."""

    SUM = "$sum"
    MEAN = "$mean"
    MIN = "$min"
    MAX = "$max"


@dataclass(frozen=True)
class OverContext:
    """`{"$sum": {"$context": "x"}}` and its kin. Booleans count 0 and 1, absent values aren't samples."""

    statistic: Statistic
    value: Score
    place: str


@dataclass(frozen=True)
class Impact:
    """`$impact`: count of the hit times (mean of the value - base); base None: the mean over all rows."""

    value: Score
    base: float | None
    place: str


@dataclass(frozen=True)
class SmoothedRate:
    """`$freqP`: (f + p·k) / (n + k), k = 2."""

    positives: Score
    trials: Score
    prior: Score | None  # None: 0.5
    place: str


@dataclass(frozen=True)
class Decision:
    """`$decision`: a seeded draw from the uncertainty of the score."""

    score: Score
    seed: int
    place: str


@dataclass(frozen=True)
class Likeness:
    """`$similarity` and `$sameness` of the hit to a proposition, or to a text (of all its text fields)."""

    to: Proposition | str
    sameness: bool
    place: str


@dataclass(frozen=True)
class Analogy:
    """`$analogy`: how alike the hit and the value `with_value` are in the features of these fields."""

    with_value: str | int | float | bool
    based_on: PropositionSet
    place: str


class Operation(Enum):
    """Arithmetic of scores."""

    MULTIPLY = "$multiply"
    ADD = "$sum"
    DIVIDE = "$divide"
    SUBTRACT = "$subtract"
    POWER = "$pow"


@dataclass(frozen=True)
class Arithmetic:
    """Multiply and add take any number of parts, the others two."""

    operation: Operation
    parts: tuple[Score, ...]
    place: str


@dataclass(frozen=True)
class Normalize:
    """`$normalize`: the score divided by its sum over the hits."""

    score: Score
    place: str


@dataclass(frozen=True)
class OfHit:
    """`$hit`: the score about the hit where a name would be ambiguous."""

    score: Score
    place: str


Score = Union[  # noqa: UP007 - its members name it
    Constant,
    FieldValue,
    OwnScore,
    Probability,
    Frequency,
    OverContext,
    Impact,
    SmoothedRate,
    Decision,
    Likeness,
    Analogy,
    Arithmetic,
    Normalize,
    OfHit,
]


def parts_of(score: Score) -> tuple[Score, ...]:
    """The scores that it is made of, one level down."""
    match score:
        case Arithmetic():
            return score.parts
        case OverContext() | Impact():
            return (score.value,)
        case Decision() | Normalize() | OfHit():
            return (score.score,)
        case SmoothedRate():
            return tuple(part for part in (score.positives, score.trials, score.prior) if part is not None)
    return ()


@dataclass(frozen=True)
class SortKey:
    """One key of an order. A bare expression sorts descending."""

    score: Score
    descending: bool
    place: str


@dataclass(frozen=True)
class HighlightOptions:
    """How marked text is written; the defaults are the published ones."""

    positive_before: str = '<font color="green">'
    positive_after: str = "</font>"
    negative_before: str = '<font color="red">'
    negative_after: str = "</font>"
    positive_threshold: float = 1.0
    negative_threshold: float = 1.0
    encode_html: bool = False


@dataclass(frozen=True)
class Name:
    """A projection by name: a path, `field`, `feature`, `$index $rank $sort $value $proposition`, or an own score."""

    name: str


@dataclass(frozen=True)
class Why:
    """`$why`."""

    highlight: HighlightOptions | None
    matches: bool


@dataclass(frozen=True)
class Highlight:
    """`$highlight`."""

    options: HighlightOptions


@dataclass(frozen=True)
class Matches:
    """`$matches`."""


@dataclass(frozen=True)
class Scored:
    """A score expression as a projection; `expand`: with its statistics."""

    score: Score
    expand: bool


@dataclass(frozen=True)
class Projection:
    """One member of a hit: its key, and what it shows."""

    key: str
    shows: Name | Why | Highlight | Matches | Scored
    place: str
