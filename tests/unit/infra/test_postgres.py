"""The embedded PostgreSQL server."""

import psycopg


def test_a_database_of_its_own_is_empty_and_real(database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*), version() from pg_tables where schemaname = 'public'").fetchone()
    assert row is not None
    assert row[0] == 0
    assert row[1].startswith("PostgreSQL")
