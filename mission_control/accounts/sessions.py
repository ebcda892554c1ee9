"""Sessions that live in the database; the browser holds nothing but a random id.

The table has a keyed hash of the id, so neither a copy of the database nor a log lets anybody in. An id that isn't
in the table is never adopted. Signing in always makes a new row with a new id (no session fixation) and removes the
one before; signing out, expiry and `revoke_all` end a session at once, wherever the browser is.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
from flask import Flask, Request, Response
from flask.sessions import SessionInterface, SessionMixin
from psycopg.types.json import Jsonb
from werkzeug.datastructures import CallbackDict

from mission_control.accounts.models import Person
from mission_control.errors import ConsoleError
from mission_control.log import get_logger
from mission_control.settings import Settings
from mission_control.store.database import Connection, Database

logger = get_logger("sessions")

COOKIE = "vakka_console"
COOKIE_OVER_TLS = f"__Host-{COOKIE}"  # a name that browsers let no neighbouring host set
_TOUCH_AFTER = timedelta(minutes=1)  # a page that polls must not write a row a second
_WITHOUT_SESSION = ("/static/", "/health")


class ConsoleSession(CallbackDict[str, Any], SessionMixin):
    """What one browser has with us: who is signed in, and a few words kept between two of its requests."""

    def __init__(
        self,
        data: dict[str, Any] | None = None,
        *,
        person: Person | None = None,
        id_: str | None = None,
        is_readable: bool = True,
    ) -> None:
        def changed(_: CallbackDict[str, Any]) -> None:
            self.modified = True

        super().__init__(data, changed)
        self.modified = False
        self.person = person
        self.id = id_  # None until there is a row
        self.set_cookie: str | None = None
        self.ended = False
        self.is_readable = is_readable  # False when the database didn't answer


class SessionStore(SessionInterface):
    """Reads and writes the table for Flask, and for the sign-in."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._cookie = COOKIE_OVER_TLS if settings.is_https else COOKIE
        self._key = hashlib.sha256(b"session id:" + settings.session_secret.get_secret_value().encode()).digest()

    def open_session(self, app: Flask, request: Request) -> ConsoleSession:  # noqa: ARG002  (Flask's signature)
        """The session of the request's cookie, or an empty one."""
        id_ = request.cookies.get(self._cookie)
        if not id_ or request.path.startswith(_WITHOUT_SESSION):
            return ConsoleSession()
        try:
            with self._database.transaction() as connection:
                return self._load(connection, id_)
        except ConsoleError:
            return ConsoleSession(is_readable=False)
        except psycopg.Error:  # Flask has no page for what fails here
            logger.error("session_unreadable", exc_info=True)
            return ConsoleSession(is_readable=False)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:  # noqa: ARG002
        """Write what changed and tell the browser its new id, if there is one."""
        assert isinstance(session, ConsoleSession)  # noqa: S101  (open_session makes no other)
        if session.ended:
            response.delete_cookie(
                self._cookie, path="/", httponly=True, samesite="Lax", secure=self._settings.is_https
            )
            return
        if session.modified and session.is_readable:
            with self._database.transaction() as connection:
                if session.id is None:
                    self._begin(connection, session)
                else:
                    connection.execute(
                        "update session set data = %s where id_hash = %s",
                        [Jsonb(dict(session)), self._hash(session.id)],
                    )
        if session.set_cookie:
            response.set_cookie(
                self._cookie,
                session.set_cookie,
                path="/",
                httponly=True,
                samesite="Lax",
                secure=self._settings.is_https,
                max_age=self._settings.session_lifetime_seconds,
            )

    def sign_in(self, connection: Connection, session: ConsoleSession, person: Person) -> None:
        """Give the browser a new session as `person`; the one it had, and all that was in it, is gone."""
        if session.id is not None:
            connection.execute("delete from session where id_hash = %s", [self._hash(session.id)])
        session.clear()
        session["csrf_token"] = secrets.token_hex(20)
        session.person = person
        self._insert(connection, session, seconds=self._settings.session_lifetime_seconds)
        session.modified = False

    def end(self, connection: Connection, session: ConsoleSession) -> None:
        """Sign this browser out."""
        if session.id is not None:
            connection.execute("delete from session where id_hash = %s", [self._hash(session.id)])
        session.clear()
        session.person = None
        session.ended = True

    def revoke_all(self, connection: Connection, account_id: UUID) -> int:
        """Sign a person out everywhere; returns how many sessions ended."""
        return connection.execute("delete from session where account_id = %s", [account_id]).rowcount

    def _load(self, connection: Connection, id_: str) -> ConsoleSession:
        row = connection.execute(
            "select session.data, session.account_id, session.team_id, account.email,"
            " session.seen_at < now() - %s as is_stale"
            " from session left join account on account.id = session.account_id"
            " where id_hash = %s and expires_at > now() and seen_at > now() - %s",
            [_TOUCH_AFTER, self._hash(id_), timedelta(seconds=self._settings.session_idle_seconds)],
        ).fetchone()
        if row is None:
            return ConsoleSession()
        if row["is_stale"]:
            connection.execute("update session set seen_at = now() where id_hash = %s", [self._hash(id_)])
        person = Person(row["account_id"], row["team_id"], row["email"]) if row["account_id"] else None
        return ConsoleSession(row["data"], person=person, id_=id_)

    def _begin(self, connection: Connection, session: ConsoleSession) -> None:
        """A row for a browser that is about to sign in; the moment is used to remove what has expired."""
        connection.execute("delete from session where expires_at < now()")
        self._insert(connection, session, seconds=self._settings.sign_in_seconds)

    def _insert(self, connection: Connection, session: ConsoleSession, *, seconds: int) -> None:
        session.id = session.set_cookie = secrets.token_urlsafe(32)
        person = session.person
        connection.execute(
            "insert into session (id_hash, account_id, team_id, data, expires_at) values (%s, %s, %s, %s, now() + %s)",
            [
                self._hash(session.id),
                person.account_id if person else None,
                person.team_id if person else None,
                Jsonb(dict(session)),
                timedelta(seconds=seconds),
            ],
        )

    def _hash(self, id_: str) -> bytes:
        return hmac.new(self._key, id_.encode(), hashlib.sha256).digest()
