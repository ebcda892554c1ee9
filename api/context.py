"""What every request handler may use, and who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from flask import current_app, request

from api.auth import AgentCaller, Authenticator, Caller, ConsoleCaller
from api.errors import ApiError
from api.lifecycle.requests import Requester
from api.ports import Ports
from api.store.database import Database

EXTENSION = "vakka_api"


@dataclass(frozen=True)
class Services:
    """The application's parts, made once by create_app."""

    database: Database
    ports: Ports
    authenticator: Authenticator


def services() -> Services:
    """The parts of the application that handles this request."""
    return cast(Services, current_app.extensions[EXTENSION])


def console_requester() -> Requester:
    """The team and account Mission Control calls for. Raises caller_not_allowed for an agent."""
    caller = _caller()
    if not isinstance(caller, ConsoleCaller):
        raise ApiError("caller_not_allowed")
    return Requester(team_id=caller.team_id, account_id=caller.account_id)


def require_agent_of(environment_id: UUID) -> None:
    """Raise unless the caller is this environment's agent; another environment's sees nothing here."""
    caller = _caller()
    if not isinstance(caller, AgentCaller):
        raise ApiError("caller_not_allowed")
    _require_own(caller, environment_id)


def team_or_agent_of(environment_id: UUID) -> UUID | None:
    """The team Mission Control calls for, or None when the caller is this environment's agent."""
    caller = _caller()
    if isinstance(caller, ConsoleCaller):
        return caller.team_id
    _require_own(caller, environment_id)
    return None


def _caller() -> Caller:
    return services().authenticator.identify(request.headers.get("Authorization"))


def _require_own(caller: AgentCaller, environment_id: UUID) -> None:
    if caller.environment_id != environment_id:
        raise ApiError("environment_not_found")
