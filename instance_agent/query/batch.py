"""`_batch`: several queries, answered in order from one commit and within one time. One that fails fails them all."""

from __future__ import annotations

from collections.abc import Callable

from instance_agent.errors import AgentError
from instance_agent.query.page import MOST_VALUES
from instance_agent.query.queries import Query
from instance_agent.query.refusals import invalid
from instance_agent.query.scope import Scope
from instance_agent.schema.types import JsonValue


def answer_batch(scope: Scope, queries: tuple[Query, ...], execute: Callable[[Scope, Query], JsonValue]) -> JsonValue:
    """The answers, as the endpoint of each query would give them.

    Raises AgentError, whose message names the query that failed as in [2]; 400 also when all answers together have
    more than MOST_VALUES values.
    """
    answers: list[JsonValue] = []
    count = 0
    for number, query in enumerate(queries):
        scope.deadline.check()
        try:
            found = execute(scope, query)
            count += value_count(found)
            if count > MOST_VALUES:
                raise invalid(f"the answers to a batch have at most {MOST_VALUES} values together", f"[{number}].limit")
        except AgentError as error:
            raise _placed(error, number) from error
        answers.append(found)
    return answers


def value_count(json: JsonValue) -> int:
    """How many values this is made of, itself included."""
    waiting = [json]
    count = 0
    while waiting:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return count


def _placed(error: AgentError, number: int) -> AgentError:
    """The same refusal, saying which query it is about."""
    place = f"[{number}]"
    if place in error.message:
        return error
    return AgentError(error.code, f"{place}: {error.message}", retry_after_seconds=error.retry_after_seconds)
