"""`_batch`: several queries, answered in order from one commit and within one time. One that fails fails them all."""

from __future__ import annotations

from collections.abc import Callable

from instance_agent.errors import AgentError
from instance_agent.query.language.queries import Query
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue


def answer_batch(scope: Scope, queries: tuple[Query, ...], execute: Callable[[Scope, Query], JsonValue]) -> JsonValue:
    """The answers, as the endpoint of each query would give them.

    Raises AgentError, whose message names the query that failed as in [2].
    """
    answers: list[JsonValue] = []
    for number, query in enumerate(queries):
        try:
            scope.deadline.check()
            answers.append(execute(scope, query))
        except AgentError as error:
            raise _placed(error, number) from error
    return answers


def _placed(error: AgentError, number: int) -> AgentError:
    """The same refusal, saying which query it is about."""
    place = f"[{number}]"
    if place in error.message:
        return error
    return AgentError(error.code, f"{place}: {error.message}", retry_after_seconds=error.retry_after_seconds)
