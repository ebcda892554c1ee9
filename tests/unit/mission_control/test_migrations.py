"""The console's tables come into being once, in their own schema."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from pydantic import SecretStr

from mission_control.store import migrate
from mission_control.store.database import connect_directly


def test_migrations_run_once_whoever_starts_them(database_url: str) -> None:
    url = SecretStr(database_url)
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate.migrate(url), range(4)))
    assert sorted(applied, key=len)[-1] == ["0001_accounts.sql"]
    assert sum(map(len, applied)) == 1
    with psycopg.connect(database_url) as connection:
        rows = connection.execute(
            "select table_name from information_schema.tables where table_schema = 'mission_control' order by 1"
        ).fetchall()
        others = connection.execute("select count(*) from information_schema.tables where table_schema = 'public'")
        assert others.fetchone() == (0,)
    assert [row[0] for row in rows] == ["account", "event", "membership", "migrations", "session", "team"]


def test_command_says_what_it_did(
    database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mission_control.log.configure", lambda _: None)
    monkeypatch.setenv("VAKKA_CONSOLE_DATABASE_URL", database_url)
    migrate.main()
    assert "0001_accounts.sql" in "".join(capsys.readouterr())


def test_command_without_a_database_fails_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mission_control.log.configure", lambda _: None)
    monkeypatch.setenv("VAKKA_CONSOLE_DATABASE_URL", "postgresql://u:a-password@127.0.0.1:1/x")
    with pytest.raises(SystemExit):
        migrate.main()
    written = "".join(capsys.readouterr())
    assert "the database can't be reached" in written
    assert "a-password" not in written


@pytest.mark.parametrize(
    "statement",
    [
        "insert into session (id_hash, data, account_id, expires_at) select '\\x00', '{}', id, now() from account",
        "insert into membership (team_id, account_id, role) select team.id, account.id, 'king' from team, account",
        "insert into account (id, issuer, subject, email) select gen_random_uuid(), issuer, subject, '' from account",
    ],
    ids=["a session without a team", "an unknown role", "a second account of one identity"],
)
def test_tables_refuse_what_makes_no_sense(database_url: str, statement: str) -> None:
    migrate.migrate(SecretStr(database_url))
    with connect_directly(SecretStr(database_url)) as connection:
        connection.execute("insert into account (id, issuer, subject, email) values (gen_random_uuid(), 'i', 's', 'e')")
        connection.execute("insert into team (id) values (gen_random_uuid())")
        with pytest.raises(psycopg.IntegrityError):
            connection.execute(statement.encode())
