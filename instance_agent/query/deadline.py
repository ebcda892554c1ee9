"""The time one query may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from instance_agent.errors import AgentError

FOR_QUERIES = "narrow its 'from', or run it as a job."


@dataclass(frozen=True)
class Deadline:
    """A moment after which a query stops by itself; checked between its phases, so it ends cleanly."""

    at: float  # time.monotonic() seconds
    seconds: float  # what was allowed, for the message
    advice: str  # what to do when it is over

    @classmethod
    def after(cls, seconds: float, advice: str = FOR_QUERIES) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds, seconds, advice)

    def check(self) -> None:
        """Raise `query_timeout` (504) when the time is over."""
        if time.monotonic() > self.at:
            raise AgentError("query_timeout", f"the query took longer than {self.seconds:g} s; {self.advice}")
