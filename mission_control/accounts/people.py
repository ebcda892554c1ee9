"""Accounts and teams in the database."""

from __future__ import annotations

from uuid import UUID, uuid4

from mission_control.accounts.models import Identity, Person
from mission_control.audit.events import Event, EventKind, append
from mission_control.log import get_logger
from mission_control.store.database import Connection

logger = get_logger("accounts")


def ensure_person(connection: Connection, identity: Identity) -> Person:
    """The account of this identity, made together with its personal team at the first sign-in.

    Issuer and subject decide who somebody is; the address is only kept up to date, so that a person who takes over
    another's address never takes over the account. Two first sign-ins at once make one account.
    """
    connection.execute(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{identity.issuer} {identity.subject}"]
    )
    row = connection.execute(
        "update account set email = %s where issuer = %s and subject = %s returning id",
        [identity.email, identity.issuer, identity.subject],
    ).fetchone()
    if row is None:
        return _create(connection, identity)
    return Person(account_id=row["id"], team_id=_team_of(connection, row["id"]), email=identity.email)


def _create(connection: Connection, identity: Identity) -> Person:
    person = Person(account_id=uuid4(), team_id=uuid4(), email=identity.email)
    connection.execute(
        "insert into account (id, issuer, subject, email) values (%s, %s, %s, %s)",
        [person.account_id, identity.issuer, identity.subject, identity.email],
    )
    connection.execute("insert into team (id, personal_of) values (%s, %s)", [person.team_id, person.account_id])
    connection.execute(
        "insert into membership (team_id, account_id, role) values (%s, %s, 'owner')",
        [person.team_id, person.account_id],
    )
    append(connection, Event(EventKind.ACCOUNT_CREATED, actor_id=person.account_id, team_id=person.team_id))
    # The one line of any log that names a person (requirement A23); from here on there is only the UUID.
    logger.info("account_created", account_id=str(person.account_id), email=identity.email)
    return person


def _team_of(connection: Connection, account_id: UUID) -> UUID:
    row = connection.execute(
        "select team_id from membership where account_id = %s order by created_at, team_id limit 1", [account_id]
    ).fetchone()
    if row is None:
        raise RuntimeError("an account without a team")  # the two are made in one transaction
    team_id: UUID = row["team_id"]
    return team_id
