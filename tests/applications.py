"""Every web application of the project, made but not served: for what can be told from their routes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from pydantic import SecretStr

from api.adapters.wiring import embedded_ports
from api.app import create_app as create_control_plane
from api.context import EXTENSION as CONTROL_PLANE
from api.settings import Settings as ControlPlaneSettings
from instance_agent.app import create_app as create_agent
from instance_agent.settings import Settings as AgentSettings
from mission_control.app import create_app as create_console
from mission_control.identity.provider import create_provider
from mission_control.identity.provider_settings import ProviderSettings
from mission_control.settings import Settings as ConsoleSettings

SECRET = SecretStr("a-secret-of-the-tests-with-enough-characters")
NO_DATABASE = SecretStr("postgresql://nobody@127.0.0.1:1/none")


@contextmanager
def applications(folder: Path) -> Iterator[dict[str, Flask]]:
    """The applications by name, with their files in `folder`; none has a database behind it."""
    (folder / "password").write_text("a-password-of-the-tests")
    control_plane_settings = ControlPlaneSettings(
        database_url=NO_DATABASE, master_secret=SECRET, console_secret=SECRET, data_dir=folder
    )
    console_settings = ConsoleSettings(
        database_url=NO_DATABASE,
        api_url="http://127.0.0.1:1",
        api_secret=SECRET,
        session_secret=SECRET,
        public_url="http://127.0.0.1:2",
        oidc_issuer="http://127.0.0.1:3",
        oidc_client_id="console",
        oidc_client_secret=SECRET,
    )
    provider_settings = ProviderSettings(
        issuer="http://127.0.0.1:3",
        state_dir=folder,
        client_id="console",
        client_secret=SECRET,
        redirect_uri="http://127.0.0.1:2/auth/callback",
        post_logout_uri="http://127.0.0.1:2/",
        owner_email="owner@vakka.localhost",
        owner_password_file=folder / "password",
    )
    agent_settings = AgentSettings(data_dir=folder, logs_dir=folder, read_write_key=SECRET)
    control_plane = create_control_plane(embedded_ports(control_plane_settings), control_plane_settings)
    try:
        yield {
            "control plane": control_plane,
            "console": create_console(console_settings),
            "identity provider": create_provider(provider_settings),
            "database": create_agent(agent_settings),
        }
    finally:
        control_plane.extensions[CONTROL_PLANE].database.close()
