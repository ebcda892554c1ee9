"""Everything the embedded identity provider reads from its environment."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProviderSettings(BaseSettings):
    """What the provider of one machine needs to know.

    Creating it fails in production and for an issuer that other machines could reach: this provider knows
    passwords only, no second factor, and keeps its state in one process.
    """

    model_config = SettingsConfigDict(
        env_prefix="VAKKA_IDENTITY_", frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    issuer: str = Field(description="Its own address and its name in tokens, loopback only: http://127.0.0.1:8402")
    state_dir: Path = Field(description="Folder of its users, its signing key and its session secret.")
    client_id: str = Field(min_length=1, description="Name of its one client, Mission Control.")
    client_secret: SecretStr = Field(min_length=32, description="The client's secret, at least 32 characters.")
    redirect_uri: str = Field(description="The only address that is ever given a sign-in code.")
    post_logout_uri: str = Field(description="The only address that a browser is sent to after signing out.")
    owner_email: str = Field(pattern=r"^[^@\s]+@[^@\s]+$", description="E-mail of the person made at the first start.")
    owner_password_file: Path = Field(description="File with that person's password, read at the first start only.")
    owner_subject: UUID | None = Field(
        default=None, description="That person's id in tokens, for ever; a random one when left out."
    )
    log_level: str = Field(
        default="info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error."
    )
    deployment: str = Field(
        default="", validation_alias="VAKKA_ENV", description="What this installation is for; refused: production."
    )

    @field_validator("issuer")
    @classmethod
    def _issuer_is_loopback(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or value != f"{parts.scheme}://{parts.netloc}" or not parts.hostname:
            raise ValueError("the issuer is a scheme, a host and a port without a path: http://127.0.0.1:8402")
        if not _is_loopback(parts.hostname):
            raise ValueError(
                "the embedded identity provider serves one machine: its issuer must be a loopback address such as "
                "http://127.0.0.1:8402; use a hosted OpenID provider for anything else"
            )
        return value

    @field_validator("redirect_uri", "post_logout_uri")
    @classmethod
    def _is_an_absolute_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.fragment:
            raise ValueError("an absolute http or https address without a fragment is needed")
        return value

    @model_validator(mode="after")
    def _is_not_production(self) -> Self:
        if self.deployment.strip().lower() == "production":
            raise ValueError(
                "the embedded identity provider does not run with VAKKA_ENV=production: "
                "use a hosted OpenID provider there"
            )
        return self


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
