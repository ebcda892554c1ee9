"""The embedded PostgreSQL server."""

import psycopg

from infra.embedded.postgres import PostgresServer, account_for_postgres, find_binaries
from tests.processes import free_port, reachable_dir


def test_a_database_of_its_own_is_empty_and_real(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*), version() from pg_tables where schemaname = 'public'").fetchone()
    assert row is not None
    assert row[0] == 0
    assert row[1].startswith("PostgreSQL")


def test_initdb_that_was_cut_short_is_begun_anew() -> None:
    with reachable_dir() as folder:
        account = account_for_postgres()
        server = PostgresServer(find_binaries(folder, account), folder / "postgres", free_port(), "unused", account)
        (folder / "postgres.unfinished" / "base").mkdir(parents=True)
        (folder / "postgres.password").write_text("of an earlier try")
        server.initialise()
        assert (server.data_dir / "PG_VERSION").exists()
        assert not (folder / "postgres.unfinished").exists()
        assert not (folder / "postgres.password").exists()
