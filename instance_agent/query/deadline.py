"""The time one query may take."""

from __future__ import annotations

import time
from dataclasses import dataclass

from instance_agent.errors import AgentError


@dataclass(frozen=True)
class Deadline:
    """A moment after which a query stops by itself; checked between its phases, so it ends cleanly."""

    at: float  # time.monotonic() seconds
    seconds: float  # what was allowed, for the message

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """The deadline `seconds` from now."""
        return cls(time.monotonic() + seconds, seconds)

    def check(self) -> None:
        """Raise `query_timeout` (504) when the time is over."""
        if time.monotonic() > self.at:
            raise AgentError(
                "query_timeout",
                f"the query took longer than {self.seconds:g} s; narrow its 'from', or run it as a job.",
            )
