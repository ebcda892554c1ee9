"""The programs of the one-machine edition: what is run, with which settings, and how to tell that it is ready."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import requests

from infra.embedded.layout import OWNER_VARIABLE, DataLayout
from infra.embedded.ports import LOOPBACK, Ports
from infra.embedded.postgres import PostgresServer
from infra.embedded.process import ProcessSpec, inherited_environment
from infra.embedded.secret_files import SecretFiles

HEALTH_TIMEOUT_SECONDS = 2
POSTGRES_STOP_SECONDS = 120.0  # it writes down what it has in memory; killed, it has to recover at the next start
OIDC_CLIENT_ID = "mission-control"


@dataclass(frozen=True)
class Plan:
    """All that the services' settings are made of."""

    layout: DataLayout
    ports: Ports
    secrets: SecretFiles
    database_url: str
    owner_email: str

    def __repr__(self) -> str:
        return f"Plan(layout={self.layout!r}, ports={self.ports!r})"


def postgres(plan: Plan, server: PostgresServer) -> ProcessSpec:
    """The embedded PostgreSQL; SIGINT is its fast, clean shutdown."""
    return ProcessSpec(
        title="program postgres",
        command=server.command,
        log_file=plan.layout.logs / "postgres.log",
        owner=plan.layout.root,
        account=server.account,
        stop_signal=signal.SIGINT,
        stop_seconds=POSTGRES_STOP_SECONDS,
        is_ready=server.is_ready,
    )


def migrations(plan: Plan) -> list[ProcessSpec]:
    """One-off programs that bring each service's tables up to date; they run to their end, one after the other."""
    return [
        _spec(plan, "migrate-api", [sys.executable, "-m", "api.store.migrate"], _api_environment(plan)),
        _spec(
            plan, "migrate-console", [sys.executable, "-m", "mission_control.store.migrate"], console_environment(plan)
        ),
    ]


def services(plan: Plan) -> list[ProcessSpec]:
    """The long-running programs, in the order in which they are started; they are stopped the other way round."""
    ports = plan.ports
    return [
        _web(plan, "api", "api.wsgi:app", ports.api, _api_environment(plan)),
        _web(plan, "uploads", "api.adapters.embedded.upload_server:app", ports.uploads, _uploads_environment(plan)),
        _spec(plan, "worker", [sys.executable, "-m", "api.worker"], _api_environment(plan)),
        _web(
            plan, "identity", "mission_control.identity.provider_wsgi:app", ports.identity, _identity_environment(plan)
        ),
        _web(plan, "console", "mission_control.wsgi:app", ports.console, console_environment(plan)),
    ]


def agent(
    plan: Plan, *, name: str, port: int, data_dir: Path, logs_dir: Path, environment: dict[str, str]
) -> ProcessSpec:
    """The database of one environment; `name` is that of its log."""
    command = [sys.executable, "-m", "infra.embedded.cli", "agent", "serve"]
    command += ["--data", str(data_dir), "--logs", str(logs_dir), "--port", str(port), "--host", LOOPBACK]
    title = f"database of environment {environment['VAKKA_AGENT_ENVIRONMENT_ID']}"
    return _spec(plan, name, command, environment, health_port=port, title=title)


def _web(plan: Plan, name: str, application: str, port: int, environment: dict[str, str]) -> ProcessSpec:
    """A web program under gunicorn, on loopback, with one process of several threads."""
    command = [sys.executable, "-m", "gunicorn", application, "--bind", f"{LOOPBACK}:{port}"]
    command += ["--worker-class", "gthread", "--workers", "1", "--threads", "8", "--timeout", "60"]
    command += ["--graceful-timeout", "4", "--no-control-socket", "--log-level", "warning"]
    return _spec(plan, name, command, environment, health_port=port)


def _spec(
    plan: Plan,
    name: str,
    command: list[str],
    environment: dict[str, str],
    *,
    health_port: int | None = None,
    title: str | None = None,
) -> ProcessSpec:
    return ProcessSpec(
        title=title or f"program {name}",
        command=command,
        log_file=plan.layout.logs / f"{name}.log",
        owner=plan.layout.root,
        environment=environment,
        is_ready=None if health_port is None else lambda: answers_health(health_port),
    )


def answers_health(port: int) -> bool:
    """Whether the web program on `port` says that it is well."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy leads to what runs here
        try:
            answer = session.get(f"http://{LOOPBACK}:{port}/health", timeout=HEALTH_TIMEOUT_SECONDS)
        except requests.RequestException:
            return False
    return answer.status_code == 200


def _uploads_environment(plan: Plan) -> dict[str, str]:
    return {
        "VAKKA_API_MASTER_SECRET": plan.secrets.master_secret,
        "VAKKA_API_DATA_DIR": str(plan.layout.root),
    }


def _api_environment(plan: Plan) -> dict[str, str]:
    return {
        **_uploads_environment(plan),
        "VAKKA_API_DATABASE_URL": plan.database_url,
        "VAKKA_API_CONSOLE_SECRET": plan.secrets.console_api_secret,
        "VAKKA_API_PUBLIC_UPLOAD_URL": plan.ports.url(plan.ports.uploads),
        "VAKKA_API_AGENT_PORTS": plan.ports.environments,
    }


def console_environment(plan: Plan) -> dict[str, str]:
    """The settings of Mission Control, also for its one-off commands."""
    ports = plan.ports
    return {
        OWNER_VARIABLE: str(plan.layout.root),
        "VAKKA_CONSOLE_DATABASE_URL": plan.database_url,
        "VAKKA_CONSOLE_API_URL": ports.url(ports.api),
        "VAKKA_CONSOLE_API_SECRET": plan.secrets.console_api_secret,
        "VAKKA_CONSOLE_SESSION_SECRET": plan.secrets.session_secret,
        "VAKKA_CONSOLE_PUBLIC_URL": ports.url(ports.console),
        "VAKKA_CONSOLE_OIDC_ISSUER": ports.url(ports.identity),
        "VAKKA_CONSOLE_OIDC_CLIENT_ID": OIDC_CLIENT_ID,
        "VAKKA_CONSOLE_OIDC_CLIENT_SECRET": plan.secrets.oidc_client_secret,
        "VAKKA_CONSOLE_EDITION": "embedded",
    }


def command_environment(settings: dict[str, str]) -> dict[str, str]:
    """The environment of a one-off command of a service: ours, cleaned, with that service's settings."""
    return {**inherited_environment(), **settings}


def _identity_environment(plan: Plan) -> dict[str, str]:
    ports = plan.ports
    return {
        "VAKKA_IDENTITY_ISSUER": ports.url(ports.identity),
        "VAKKA_IDENTITY_STATE_DIR": str(plan.layout.identity),
        "VAKKA_IDENTITY_CLIENT_ID": OIDC_CLIENT_ID,
        "VAKKA_IDENTITY_CLIENT_SECRET": plan.secrets.oidc_client_secret,
        "VAKKA_IDENTITY_REDIRECT_URI": f"{ports.url(ports.console)}/auth/callback",
        "VAKKA_IDENTITY_POST_LOGOUT_URI": ports.url(ports.console) + "/",
        "VAKKA_IDENTITY_OWNER_EMAIL": plan.owner_email,
        "VAKKA_IDENTITY_OWNER_PASSWORD_FILE": str(plan.secrets.owner_password_file),
        "VAKKA_IDENTITY_OWNER_SUBJECT": plan.secrets.owner_subject,
    }
