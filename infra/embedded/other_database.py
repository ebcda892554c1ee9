"""The PostgreSQL server of DATABASE_URL, when one is given: looked at before anything is started."""

from __future__ import annotations

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.embedded.errors import CannotStart

CONNECT_SECONDS = 5
FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
SCHEMAS = ["api", "mission_control"]
MAY_CREATE = """
    select has_database_privilege(current_database(), 'create')
        or (select count(*) from pg_namespace
            where nspname = any(%s) and has_schema_privilege(oid, 'create')) = %s
"""
# libpq's own words may hold parts of a URL that is written wrongly, so of its password: only these are recognised.
REASONS = {
    "password authentication failed": "it refuses the user or the password",
    "no password supplied": "it asks for a password",
    "no pg_hba.conf entry": "it doesn't let this user in from here",
    "does not exist": "it has no such database or user",
    "could not translate host name": "there is no host of that name",
    "Connection refused": "nothing listens there",
    "starting up": "it is still starting",
}


def require_usable(url: str) -> None:
    """Raise CannotStart, without the password, when the services could not work on this server."""
    try:
        place = conninfo_to_dict(url)
        with psycopg.connect(make_conninfo(url, connect_timeout=CONNECT_SECONDS)) as connection:
            row = connection.execute(MAY_CREATE, [SCHEMAS, len(SCHEMAS)]).fetchone()
    except psycopg.ProgrammingError:
        raise CannotStart(f"DATABASE_URL isn't the URL of a PostgreSQL database: write it as {FORM}.") from None
    except psycopg.OperationalError as error:
        reason = next((ours for theirs, ours in REASONS.items() if theirs in str(error)), "no connection came about")
        raise CannotStart(
            f"The PostgreSQL server of DATABASE_URL can't be used: {reason}. Check that the server runs, and that "
            f"the URL is of the form {FORM}; or unset DATABASE_URL to use the embedded one."
        ) from None
    if row is None or not row[0]:
        raise CannotStart(
            f"The user {place.get('user', '')!r} of DATABASE_URL may not create schemas. Let a superuser run "
            f"GRANT CREATE ON DATABASE to that user, or create the schemas {' and '.join(SCHEMAS)} owned by it."
        )
