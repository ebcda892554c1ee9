"""`vakka up --demo`: an environment with the sample store in it, and a prediction to paste into a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from examples.sample_store.load import LoadFailed, load_sample_store
from infra.embedded import services
from infra.embedded.console_output import say, warn

ENVIRONMENT_NAME = "demo"
CREATE_SECONDS = 120
ANSWER_SECONDS = 60
PREDICTION = {
    "from": "invoices",
    "where": {"vendor": "Northlight Energy", "description": "charging point installation for the office"},
    "predict": "gl_code",
    "limit": 3,
}


@dataclass(frozen=True)
class DemoEnvironment:
    """What a user needs to ask the demo."""

    url: str
    read_only_key: str = field(repr=False)
    read_write_key: str = field(repr=False)


def create(plan: services.Plan) -> None:
    """Have the demo environment, filled, and print how to use it. Run again, it finds what is there.

    Failures are printed, not raised: everything else is up and stays up.
    """
    say("  Creating the demo environment ...")
    environment = _ensure_environment(plan)
    if environment is None or not _answers(environment):
        return
    try:
        load_sample_store(environment.url, environment.read_write_key, progress=lambda line: say(f"    {line}"))
    except LoadFailed as error:
        warn(f"  The sample store could not be loaded: {error}")
        return
    _report(environment)


def _ensure_environment(plan: services.Plan) -> DemoEnvironment | None:
    """The demo environment of the machine's owner, made through Mission Control as if the owner had clicked."""
    command = [sys.executable, "-m", "mission_control.ensure_environment", "--name", ENVIRONMENT_NAME]
    command += ["--subject", plan.secrets.owner_subject, "--email", plan.owner_email]
    try:
        finished = subprocess.run(
            command,
            env=services.command_environment(services.console_environment(plan)),
            capture_output=True,
            text=True,
            timeout=CREATE_SECONDS,
            check=False,
            cwd="/",
        )
    except subprocess.TimeoutExpired:
        warn(f"  The demo environment wasn't there after {CREATE_SECONDS} s: see {plan.layout.logs / 'worker.log'}")
        return None
    if finished.returncode != 0:
        log_file = plan.layout.logs / "demo.log"
        log_file.write_text(finished.stderr)
        warn(f"  The demo environment could not be created: see {log_file}")
        return None
    answer = json.loads(finished.stdout)
    return DemoEnvironment(answer["url"], answer["read_only_key"], answer["read_write_key"])


def _answers(environment: DemoEnvironment) -> bool:
    """Wait until the database answers: after a restart of everything it is declared before it listens."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        if services.answers_health(urlsplit(environment.url).port or 80):
            return True
        time.sleep(0.2)
    warn(f"  The demo environment doesn't answer at {environment.url}.")
    return False


def _report(environment: DemoEnvironment) -> None:
    body = json.dumps(PREDICTION)
    say()
    say(f"  Demo environment  {environment.url}")
    say(f"  read-only key     {environment.read_only_key}")
    say(f"  read-write key    {environment.read_write_key}")
    say()
    say("  Ask it which account an invoice belongs to:")
    say()
    say(f"  curl -s {environment.url}/api/v1/_predict \\")
    say("    -H 'content-type: application/json' \\")
    say(f"    -H 'x-api-key: {environment.read_only_key}' \\")
    say(f"    -d '{body}'")
    say()
