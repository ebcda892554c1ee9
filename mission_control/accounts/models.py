"""Values about people."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID


@dataclass(frozen=True)
class Identity:
    """Somebody the identity provider vouches for, from a verified ID token."""

    issuer: str
    subject: str = field(repr=False)  # the provider's id of the person, stable for ever
    email: str = field(repr=False)


@dataclass(frozen=True)
class Person:
    """Who is signed in, and for which team they act."""

    account_id: UUID
    team_id: UUID
    email: str = field(repr=False)
