"""What the control plane is told from outside: the only module that reads the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

GIB = 1024**3


class UploadSettings(BaseSettings):
    """What the upload server needs, and nothing more: it has no database and signs no tokens."""

    model_config = SettingsConfigDict(env_prefix="VAKKA_API_", frozen=True)

    master_secret: SecretStr = Field(
        min_length=32,
        description="API keys, upload signatures and the agents' secrets are derived from it; at least 32 characters.",
    )
    data_dir: Path = Field(description="The folder with instances/, volumes/ and uploads/ of the one-machine edition.")
    upload_max_bytes: int = Field(
        default=5 * GIB, gt=0, description="The biggest file that may be put through a presigned URL, in bytes."
    )
    upload_window_seconds: float = Field(
        default=30.0, gt=0, description="An upload that brings less than 256 KiB in so many seconds is given up."
    )
    log_level: str = Field(default="INFO", description="The least level that is logged: DEBUG, INFO, WARNING or ERROR.")

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()


class DatabaseSettings(BaseSettings):
    """Where the control plane's state lies; all that the migration command needs."""

    model_config = SettingsConfigDict(env_prefix="VAKKA_API_", frozen=True)

    database_url: SecretStr = Field(
        description="postgresql:// URL of the database; everything is kept in its schema `api`."
    )


class Settings(UploadSettings, DatabaseSettings):
    """What the API and the worker need."""

    console_secret: SecretStr = Field(
        min_length=32, description="Mission Control signs its service tokens with it; at least 32 characters."
    )
    public_upload_url: str = Field(
        default="http://127.0.0.1:8404", description="Where clients reach the upload server; presigned URLs begin so."
    )
    agent_ports: str = Field(
        default="8410-8499",
        pattern=r"^\d{1,5}-\d{1,5}$",
        description="The TCP ports environments may get, first-last, both included.",
    )
    database_pool_size: int = Field(
        default=8, gt=0, description="The most database connections that one API process keeps open."
    )
    worker_concurrency: int = Field(
        default=8, gt=0, description="How many operations one worker process advances at once."
    )
    failpoint: str = Field(
        default="",
        pattern=r"^((before|effect|after):[a-z_]+)?$",
        description="For tests only: the place, such as after:start_instance, where the worker kills itself.",
    )

    @property
    def port_range(self) -> range:
        """The ports environments may get."""
        first, last = (int(part) for part in self.agent_ports.split("-"))
        return range(first, last + 1)
