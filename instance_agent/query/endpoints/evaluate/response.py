"""The answer of `_evaluate`: its keys in the published order, or those that `select` names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from instance_agent.engine.tables import TableView
from instance_agent.query.endpoints.evaluate import metrics
from instance_agent.query.endpoints.evaluate.judging import Verdict
from instance_agent.query.refusals import field_not_found
from instance_agent.schema.types import JsonValue

TIMES = ("meanNs", "meanUs", "meanMs", "medianNs", "medianUs", "medianMs", "allNs", "allUs", "allMs", "warmingMs")
"""The keys that differ from one time to the next."""

RANKING_KEYS = (
    *("n", "testSamples", "trainSamples", "features", "error", "baseError", "accuracy", "baseAccuracy"),
    *("accuracyGain", "meanRank", "baseMeanRank", "rankGain", "informationGain", "mxe", "h", "geomMeanP", "baseGmp"),
    "geomMeanLift",
    *TIMES,
    *("accurateOffsets", "errorOffsets", "cases", "accurateCases", "errorCases", "alpha_binByTopScore"),
)
ESTIMATE_KEYS = ("n", "testSamples", "trainSamples", "features", "rmse", "mae", "r2", *TIMES, "cases")


@dataclass(frozen=True)
class AnsweredCase:
    """One case with ranked candidates."""

    row: int  # of the table of tests
    verdict: Verdict
    train_samples: int
    nanoseconds: int


@dataclass(frozen=True)
class EstimatedCase:
    """One case with a number."""

    row: int
    estimate: float
    correct: float
    train_samples: int
    nanoseconds: int


@dataclass(frozen=True)
class Context:
    """What an answer needs beside its cases."""

    table: TableView  # evaluated
    tests: TableView  # of the rows tested
    warming_ms: float
    select: tuple[str, ...] | None

    def wants(self, *names: str) -> bool:
        """Is one of these keys in the answer?"""
        return self.select is None or any(name in self.select for name in names)

    def selected(self, keys: tuple[str, ...], answer: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """The keys of the answer in the order asked for."""
        return {name: answer[name] for name in (keys if self.select is None else self.select)}

    def rows(self, cases: Sequence[AnsweredCase] | Sequence[EstimatedCase]) -> list[dict[str, JsonValue]]:
        """The cases' rows; nothing is read for an answer without cases."""
        if not self.wants("cases", "accurateCases", "errorCases"):
            return [{}] * len(cases)
        return [dict(row) for row in self.tests.rows([case.row for case in cases])]

    def common(self, cases: Sequence[AnsweredCase] | Sequence[EstimatedCase]) -> dict[str, JsonValue]:
        """What all evaluations have."""
        return {
            "n": len(cases),
            "testSamples": len(cases),
            "trainSamples": fmean(case.train_samples for case in cases) if cases else None,
            "features": features_of(self.table) if self.wants("features") else None,
            **metrics.times([case.nanoseconds for case in cases]),
            "warmingMs": self.warming_ms,
        }


def check_names(select: tuple[str, ...] | None, *, estimates: bool) -> None:
    """Raises `field 'x' not found` for what such an answer doesn't have."""
    known = ESTIMATE_KEYS if estimates else RANKING_KEYS
    for name in select or ():
        if name not in known:
            raise field_not_found(name, "select", said_by="select", known=known)


def of_rankings(context: Context, cases: Sequence[AnsweredCase]) -> dict[str, JsonValue]:
    """The answer where queries rank candidates."""
    verdicts = [case.verdict for case in cases]
    rows = context.rows(cases)
    shown = [_case(place, row, verdict) for place, (row, verdict) in enumerate(zip(rows, verdicts, strict=True))]
    accurate = [place for place, verdict in enumerate(verdicts) if verdict.told.accurate]
    errors = [place for place, verdict in enumerate(verdicts) if not verdict.told.accurate]
    answer: dict[str, JsonValue] = {
        **context.common(cases),
        **metrics.ranking_metrics(verdicts),
        "accurateOffsets": [*accurate],
        "errorOffsets": [*errors],
        "cases": [*shown],
        "accurateCases": [shown[place] for place in accurate],
        "errorCases": [shown[place] for place in errors],
        "alpha_binByTopScore": metrics.bins_by_top_score(verdicts),
    }
    return context.selected(RANKING_KEYS, answer)


def of_estimates(context: Context, cases: Sequence[EstimatedCase]) -> dict[str, JsonValue]:
    """The answer where queries estimate a number."""
    rows = context.rows(cases)
    shown: list[JsonValue] = [
        {"offset": place, "testCase": row, "estimate": case.estimate, "correct": case.correct}
        for place, (row, case) in enumerate(zip(rows, cases, strict=True))
    ]
    numbers = metrics.estimate_metrics([case.estimate for case in cases], [case.correct for case in cases])
    return context.selected(ESTIMATE_KEYS, {**context.common(cases), **numbers, "cases": shown})


def features_of(table: TableView) -> float:
    """How many different features the table's columns have: values, tokens of texts, elements of arrays."""
    return float(sum(len(table.column(name).features) for name in table.schema.columns))


def _case(place: int, row: dict[str, JsonValue], verdict: Verdict) -> dict[str, JsonValue]:
    return {
        "offset": place,
        "testCase": row,
        "accurate": verdict.told.accurate,
        "top": verdict.top,
        "correct": verdict.correct,
    }
