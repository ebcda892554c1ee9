"""`$p` and `$lift`: of the candidates themselves, of what is said about `from`, of the features that hits have.

A proposition about the rows of `from` (`$context`) has a probability for each candidate: that of a goal. A field of
the hit, or a proposition about it, stands for the features that the hit has there: each has a probability given
`where`, and the hit the product of these; it is missing for a hit that has none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from instance_agent.inference import why
from instance_agent.query.filtering.filters import everything
from instance_agent.query.language.propositions import All, Context, FeaturesOf, Proposition, PropositionSet, fields_of
from instance_agent.query.language.scores import HighlightOptions, Probability
from instance_agent.query.learning.evidence import split
from instance_agent.query.learning.goals import goal_chances
from instance_agent.query.learning.inferring import Inference, infer
from instance_agent.query.learning.linked_chances import LinkedChances, linked_chances
from instance_agent.query.learning.targets import Target, make_target
from instance_agent.query.refusals import unsupported
from instance_agent.query.scope import FieldName
from instance_agent.query.scoring.about import with_paths
from instance_agent.query.scoring.arithmetic import Scores
from instance_agent.query.scoring.candidates import CandidateHits
from instance_agent.query.scoring.fields import Hits, path_of_hit
from instance_agent.query.scoring.identity import identity_of
from instance_agent.query.scoring.rows import RowHits
from instance_agent.schema.types import JsonValue

Places = NDArray[np.int64]


class Chances(Protocol):
    """Probabilities of the hits, or of features, with what they are without evidence."""

    @property
    def probabilities(self) -> Scores: ...
    @property
    def priors(self) -> Scores: ...
    def explain(self, place: int, highlight: HighlightOptions | None = None) -> why.Node: ...


class Likely(Chances, Protocol):
    """The same of things that have a proposition each."""

    def proposition(self, place: int) -> dict[str, JsonValue]: ...


@dataclass(frozen=True)
class HitFeatures:
    """The features that hits have in one field: for each of them an entry, with its place among the likely ones."""

    likely: Likely
    hits: Places  # per entry the place of its hit
    features: Places  # per entry the place of its feature


@dataclass(frozen=True)
class OfHits:
    """Of each hit: that it is the one, or that it reaches a goal."""

    chances: Chances
    said: Callable[[int], JsonValue]  # per place what is probable


Part = OfHits | HitFeatures
"""What one member of a set says."""


def own(hits: CandidateHits) -> Likely:
    """The probabilities of the candidates: exactly one of them is true."""
    found = hits.kept.get("own")
    if not isinstance(found, Inference | LinkedChances):
        found = hits.kept["own"] = _own(hits)
    return found


def _own(hits: CandidateHits) -> Inference | LinkedChances:
    if hits.target.linked is not None:
        return linked_chances(hits.scope, hits.table, hits.target, hits.evidence, hits.allowed)
    return infer(hits.scope, hits.table, hits.target, hits.evidence, hits.allowed, exclusive=True)


def probability(hits: Hits, score: Probability) -> Scores:
    """The product over the members of the set; with `relative` each is divided by its base rate."""
    product = np.ones(len(hits))
    for part in parts_of(hits, score):
        product = product * _factor(hits, part, relative=score.relative)
    return product


def parts_of(hits: Hits, score: Probability) -> list[Part]:
    """What each member of the set says. Raises 400 for what such hits don't have."""
    key = ("parts", identity_of(score.of), identity_of(score.based_on))
    found = hits.kept.get(key)
    if not isinstance(found, list):
        found = hits.kept[key] = [_part(hits, one, score) for one in score.of]
    return found


def _factor(hits: Hits, part: Part, *, relative: bool) -> Scores:
    if isinstance(part, OfHits):
        chances = part.chances
        return chances.probabilities / chances.priors if relative else chances.probabilities
    likely = part.likely
    with np.errstate(all="ignore"):
        factors = likely.probabilities / likely.priors if relative else likely.probabilities
        product = np.ones(len(hits))
        np.multiply.at(product, part.hits, factors[part.features])
    known = np.bincount(part.hits, minlength=len(hits)) > 0
    return np.where(known, product, np.nan)


def _part(hits: Hits, member: FeaturesOf | Proposition, score: Probability) -> Part:
    hits.scope.deadline.check()
    if isinstance(hits, RowHits):
        return _of_rows(hits, member, score)
    if isinstance(member, FeaturesOf):
        path = path_of_hit(hits, member.path)
        if path is None:
            raise FieldName(member.path, member.place, member.place).not_found()
        return _of_hits(hits, path, None, score)
    path = None if isinstance(member, Context) else _path_about_hit(hits, member, score.place)
    if path is not None:
        return _of_hits(hits, path, member, score)
    return _goal(hits, member.part if isinstance(member, Context) else member, score.based_on)


def _goal(hits: CandidateHits, goal: Proposition, based_on: PropositionSet | None) -> OfHits:
    found = goal_chances(
        hits.scope, hits.table, hits.population, hits.target, hits.allowed, goal, list(hits.evidence), based_on
    )
    return OfHits(found, lambda _: found.goal)


def _path_about_hit(hits: CandidateHits, member: Proposition, place: str) -> tuple[str, ...] | None:
    """The field of the hit that the proposition is about; None for one about the rows of `from`."""
    paths = {path_of_hit(hits, path) for path in fields_of(member)}
    if paths <= {None}:
        return None
    if len(paths) > 1:
        raise unsupported("a proposition here is about one field of the hit, or all about $context", place)
    return next(iter(paths))


def _of_hits(hits: CandidateHits, path: tuple[str, ...], only: Proposition | None, score: Probability) -> Part:
    linked = hits.target.linked
    base = hits.target.path
    if path in ((), ("$feature",)) or linked is None:
        if only is None:
            return OfHits(own(hits), own(hits).proposition)
        allowed = hits.target.restricted(hits.scope, hits.table, [with_paths(only, lambda *_: base)])[hits.candidates]
        places = np.flatnonzero(allowed)
        return HitFeatures(own(hits), places, places)
    name = FieldName((*base, *path), score.place, score.place)
    target = make_target(hits.scope, hits.table, hits.population, name)
    of_rows = make_target(hits.scope, linked.table, everything(linked.table), FieldName(path, score.place, score.place))
    at, own_features = of_rows.entries(hits.linked_rows(hits.every_place).astype(np.uint32))
    features = _translated(of_rows, target)[own_features]
    about = None if only is None else with_paths(only, lambda *_: target.path)
    return _judged(hits, target, about, (at, features), score)


def _of_rows(hits: RowHits, member: FeaturesOf | Proposition, score: Probability) -> Part:
    only = None if isinstance(member, FeaturesOf) else member.part if isinstance(member, Context) else member
    paths = {member.path} if isinstance(member, FeaturesOf) else fields_of(member)
    if len(paths) != 1:
        raise unsupported("a proposition here is about one field of the hit", score.place)
    name = FieldName(next(iter(paths)), score.place, score.place)
    everyone = everything(hits.table) if hits.population is None else hits.population
    target = make_target(hits.scope, hits.table, everyone, name)
    return _judged(hits, target, only, target.entries(hits.rows), score)


def _judged(
    hits: Hits, target: Target, only: Proposition | None, entries: tuple[Places, Places], score: Probability
) -> HitFeatures:
    """entries: (hit, candidate of the target), -1 for candidates that it doesn't have."""
    where = hits.where if isinstance(hits, RowHits) else All(tuple(hits.evidence))
    evidence, _ = split(where, target.path)
    allowed = np.ones(len(target.candidates), np.bool_)
    inference = infer(
        hits.scope, hits.table, target, evidence, allowed, exclusive=target.partition, based_on=score.based_on
    )
    chosen = allowed if only is None else target.restricted(hits.scope, hits.table, [only])
    at, features = entries
    kept = (features >= 0) & np.append(chosen, False)[features]
    return HitFeatures(inference, at[kept], features[kept])


def _translated(source: Target, target: Target) -> Places:
    """Per candidate of `source` the number of the same one in `target`, -1 for none; both are of one column."""
    codes, wanted = source.candidates.codes, target.candidates.codes
    places = np.full(max(int(codes.max(initial=-1)), int(wanted.max(initial=-1))) + 1, -1, np.int64)
    places[wanted] = np.arange(len(wanted))
    return places[codes]
