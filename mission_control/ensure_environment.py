"""`python -m mission_control.ensure_environment`: a running environment of one person, by name, with its keys.

For whoever runs this console: does what that person could do by hand (account, environment, keys, each recorded) and
prints the address and both keys as one JSON object. Run again, it finds what is there. The person is named by the
identity provider's id and address, so that they find the environment when they sign in.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from uuid import uuid4

import click

from mission_control import log
from mission_control.accounts import people
from mission_control.accounts.models import Identity
from mission_control.actions import Actions
from mission_control.control_plane import Access, ControlPlane, Environment, EnvironmentState, NameRefused
from mission_control.errors import ConsoleError
from mission_control.settings import Settings
from mission_control.store.database import Database

LOOK_SECONDS = 0.3


class NotEnsured(Exception):
    """There is no such environment running; the text says why."""


@dataclass(frozen=True)
class Ensured:
    """What the command prints. Never logged."""

    url: str
    read_only_key: str
    read_write_key: str


def ensure_environment(actions: Actions, name: str, *, wait_seconds: float) -> Ensured:
    """The person's environment of this name, made if it isn't there, and waited for. Raises NotEnsured."""
    found = next((e for e in actions.control_plane.environments(actions.person) if e.name == name), None)
    if found is None:
        try:
            found = actions.create_environment(name=name, request_id=uuid4()).environment
        except NameRefused as refused:
            raise NotEnsured(refused.sentence) from None
    running = _await_running(actions, found, time.monotonic() + wait_seconds)
    return Ensured(
        url=running.url or "",
        read_only_key=actions.reveal_key(running.id, Access.READ_ONLY).get_secret_value(),
        read_write_key=actions.reveal_key(running.id, Access.READ_WRITE).get_secret_value(),
    )


def _await_running(actions: Actions, environment: Environment, deadline: float) -> Environment:
    while environment.state is not EnvironmentState.RUNNING:
        if environment.state is not EnvironmentState.CREATING:
            raise NotEnsured(f"The environment {environment.id} is {environment.state}. Delete it, then try again.")
        if time.monotonic() > deadline:
            raise NotEnsured(f"The environment {environment.id} isn't running yet. Look at it in Mission Control.")
        time.sleep(LOOK_SECONDS)
        environment = actions.control_plane.environment(actions.person, environment.id)
    return environment


@click.command()
@click.option("--name", required=True, help="The environment's name.")
@click.option("--subject", required=True, help="The person's id at the identity provider.")
@click.option("--email", required=True, help="The person's address.")
@click.option("--wait-seconds", default=90.0, show_default=True, help="How long to wait for it to run.")
def main(name: str, subject: str, email: str, wait_seconds: float) -> None:
    """Have a running environment and print its address and keys."""
    settings = Settings()
    log.configure(settings.log_level)
    database = Database(settings.database_url)
    control_plane = ControlPlane(
        url=settings.api_url, secret=settings.api_secret, timeout_seconds=settings.api_timeout_seconds
    )
    try:
        with database.transaction() as connection:
            person = people.ensure_person(connection, Identity(settings.oidc_issuer, subject, email))
        ensured = ensure_environment(Actions(database, control_plane, person), name, wait_seconds=wait_seconds)
    except (NotEnsured, ConsoleError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    finally:
        database.close()
    click.echo(json.dumps(asdict(ensured)))


if __name__ == "__main__":
    main()
