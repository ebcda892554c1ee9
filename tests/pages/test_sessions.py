"""How long a session lives, what the database knows of it, and how it is ended."""

from __future__ import annotations

from flask import Flask

from mission_control.parts import Parts
from tests.pages.browser import Browser


def change(parts: Parts, statement: str) -> None:
    """Do to the tables what time or an administrator would."""
    with parts.database.transaction() as connection:
        connection.execute(statement.encode())


def whole_database(parts: Parts) -> str:
    with parts.database.transaction() as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'mission_control'"
        ).fetchall()
        return " ".join(
            str(connection.execute(f"select t::text from {row['table_name']} t".encode()).fetchall())  # noqa: S608
            for row in tables
        )


def test_database_has_no_session_id(anna: Browser, parts: Parts) -> None:
    assert anna.cookie
    dump = whole_database(parts)
    assert anna.cookie not in dump
    assert anna.cookie.encode().hex() not in dump


def test_session_ends_after_its_lifetime_active_or_not(anna: Browser, parts: Parts) -> None:
    change(parts, "update session set expires_at = now() - interval '1 second'")
    assert anna.open("/environments").status == 302


def test_session_is_made_for_twelve_hours(anna: Browser, parts: Parts) -> None:
    with parts.database.transaction() as connection:
        row = connection.execute("select expires_at - created_at as life from session").fetchone()
    assert row is not None
    assert row["life"].total_seconds() == 12 * 3600


def test_session_ends_when_nobody_uses_it(anna: Browser, parts: Parts) -> None:
    change(parts, "update session set seen_at = now() - interval '2 hours 1 second'")
    assert anna.open("/environments").status == 302


def test_session_that_is_used_stays(anna: Browser, parts: Parts) -> None:
    for _ in range(3):
        change(parts, "update session set seen_at = seen_at - interval '119 minutes'")
        assert anna.open("/environments").status == 200


def test_all_sessions_of_a_person_can_be_revoked(app: Flask, anna: Browser, parts: Parts) -> None:
    other = Browser(app)
    other.sign_in()
    with parts.database.transaction() as connection:
        row = connection.execute("select id from account").fetchone()
        assert row is not None
        assert parts.sessions.revoke_all(connection, row["id"]) == 2
    assert anna.open("/environments").status == 302
    assert other.open("/environments").status == 302


def test_begun_sign_in_expires_and_its_row_is_swept(app: Flask, visitor: Browser, parts: Parts) -> None:
    callback = visitor.ask_provider()
    change(parts, "update session set expires_at = now() - interval '1 second'")
    page = visitor.come_back(callback)
    assert (page.status, page.response.headers["X-Error-Code"]) == (400, "sign_in_expired")
    Browser(app).ask_provider()
    with parts.database.transaction() as connection:
        row = connection.execute("select count(*) as n from session where expires_at < now()").fetchone()
    assert row == {"n": 0}


def test_visitor_who_only_looks_leaves_no_trace(visitor: Browser, parts: Parts) -> None:
    page = visitor.open("/")
    assert "Set-Cookie" not in page.response.headers
    with parts.database.transaction() as connection:
        assert connection.execute("select count(*) as n from session").fetchone() == {"n": 0}


def test_deleted_account_is_signed_out(anna: Browser, parts: Parts) -> None:
    change(parts, "delete from account")
    assert anna.open("/environments").status == 302
