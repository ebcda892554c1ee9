"""What Mission Control is told from outside: the only module of the console that reads the environment."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Edition(StrEnum):
    """Which product this console belongs to."""

    EMBEDDED = "embedded"  # everything on one machine, one owner
    CLOUD = "cloud"  # the managed service


class DatabaseSettings(BaseSettings):
    """Where the console's state lies; all that the migration command needs."""

    model_config = SettingsConfigDict(env_prefix="VAKKA_CONSOLE_", frozen=True)

    database_url: SecretStr = Field(
        description="postgresql:// URL of the database; everything is kept in its schema `mission_control`."
    )
    log_level: str = Field(default="INFO", description="The least level that is logged: DEBUG, INFO, WARNING or ERROR.")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()


class Settings(DatabaseSettings):
    """What the console needs."""

    api_url: str = Field(description="Where the control plane answers, without a path: http://127.0.0.1:8401.")
    api_secret: SecretStr = Field(
        min_length=32,
        description="Signs the console's service tokens for the control plane, which has the same value; "
        "at least 32 characters.",
    )
    api_timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long one call to the control plane may take, in seconds."
    )
    session_secret: SecretStr = Field(
        min_length=32,
        description="Keys the hashes under which sessions are stored and signs the forms' tokens; at least 32 "
        "characters. Changing it signs everybody out.",
    )
    session_lifetime_seconds: int = Field(
        default=12 * 3600, gt=0, description="After so many seconds a person signs in again, active or not."
    )
    session_idle_seconds: int = Field(
        default=2 * 3600, gt=0, description="After so many seconds without a request a person signs in again."
    )
    sign_in_seconds: int = Field(
        default=30 * 60, gt=0, description="How long a begun sign-in may take at the identity provider, in seconds."
    )
    public_url: str = Field(
        description="The console's own address in browsers, without a path: http://127.0.0.1:8400. "
        "With https the cookie is Secure and HSTS is sent."
    )
    oidc_issuer: str = Field(
        description="The OpenID Connect issuer, exactly as it writes itself (Auth0's ends with a slash)."
    )
    oidc_client_id: str = Field(min_length=1, description="The console's client id at the identity provider.")
    oidc_client_secret: SecretStr = Field(min_length=1, description="The console's secret at the identity provider.")
    oidc_timeout_seconds: float = Field(
        default=10.0, gt=0, description="How long one call to the identity provider may take, in seconds."
    )
    edition: Edition = Field(
        default=Edition.CLOUD, description="`embedded` on one machine, `cloud` for the managed service."
    )

    @field_validator("api_url", "public_url")
    @classmethod
    def _origin_only(cls, value: str) -> str:
        parts = urlsplit(value)
        is_origin = parts.hostname and not (parts.path.strip("/") or parts.query or parts.fragment or parts.username)
        if parts.scheme not in _DEFAULT_PORTS or not is_origin:
            raise ValueError("must be http:// or https://, a host and perhaps a port, and nothing after it")
        # As browsers write it in Host and Origin, which are compared with it: small letters, no default port.
        return f"{parts.scheme}://{parts.netloc.lower().removesuffix(f':{_DEFAULT_PORTS[parts.scheme]}')}"

    @field_validator("oidc_issuer")
    @classmethod
    def _http_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError("must be an http:// or https:// address")
        return value

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the console over TLS."""
        return self.public_url.startswith("https://")

    @property
    def callback_url(self) -> str:
        """Where the identity provider sends a browser after sign-in; registered there."""
        return f"{self.public_url}/auth/callback"

    @property
    def oidc_origin(self) -> str:
        """Scheme, host and port of the identity provider."""
        parts = urlsplit(self.oidc_issuer)
        return f"{parts.scheme}://{parts.netloc}"
