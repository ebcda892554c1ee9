"""The agent's settings: the only place that reads the environment."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from uuid import UUID

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from instance_agent.errors import CannotServe


class Settings(BaseSettings):
    """Read from the environment; what the command line says goes before it."""

    model_config = SettingsConfigDict(env_prefix="VAKKA_AGENT_", frozen=True, populate_by_name=True, extra="ignore")

    data_dir: Path = Field(description="Folder of the database. Everything that must survive is in it.")
    logs_dir: Path = Field(description="Folder of the log files api_calls.log, info.log and debug.log.")
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8410, ge=0, le=65535, description="TCP port to listen on.")
    workers: int = Field(default=2, ge=1, le=64, description="Number of worker processes.")
    threads: int = Field(default=8, ge=1, le=256, description="Number of threads in each worker process.")
    upload_max_bytes: int = Field(default=5 * 1024**3, gt=0, description="Largest file upload, in bytes as sent.")
    purge_grace_seconds: int = Field(
        default=3600,
        ge=0,
        le=86_400,
        description="How long the bytes of deleted rows may stay on the disk; a stop and a start purge them at once.",
    )
    read_write_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("READ_WRITE_APIKEY"),
        description="The key that may read and write, where no control plane checks keys.",
    )
    read_only_key: SecretStr | None = Field(
        default=None,
        validation_alias=AliasChoices("APIKEY"),
        description="The key that may only read, where no control plane checks keys.",
    )
    disable_auth: bool = Field(
        default=False,
        validation_alias=AliasChoices("AITO_DISABLE_AUTH"),
        description="1: every request may do everything. Only on a loopback address.",
    )
    control_plane_url: str | None = Field(
        default=None, description="Base URL of the control plane that checks keys and signs uploads."
    )
    environment_id: UUID | None = Field(default=None, description="The environment that this agent serves.")
    service_secret_file: Path | None = Field(
        default=None, description="File with the secret that signs this agent's calls to the control plane."
    )
    uploads_dir: Path | None = Field(
        default=None, description="Folder where this environment's uploaded files arrive, one file per upload id."
    )

    def check(self) -> None:
        """Refuse settings that would leave the database open, or that don't belong together. Raises CannotServe."""
        together = {
            "VAKKA_AGENT_CONTROL_PLANE_URL": self.control_plane_url,
            "VAKKA_AGENT_ENVIRONMENT_ID": self.environment_id,
            "VAKKA_AGENT_SERVICE_SECRET_FILE": self.service_secret_file,
            "VAKKA_AGENT_UPLOADS_DIR": self.uploads_dir,
        }
        missing = [name for name, value in together.items() if not value]
        if missing and len(missing) < len(together):
            raise CannotServe(
                f"With a control plane all of {', '.join(together)} must be set; missing: {', '.join(missing)}."
            )
        if self.disable_auth:
            if not is_loopback(self.host):
                raise CannotServe("AITO_DISABLE_AUTH works only on a loopback address: leave out --host, or set keys.")
        elif missing and not self.has_own_keys:
            raise CannotServe(
                "There are no API keys. Set READ_WRITE_APIKEY (and APIKEY for a read-only key), "
                "or for a try on this machine alone AITO_DISABLE_AUTH=1."
            )
        read_only, read_write = _revealed(self.read_only_key), _revealed(self.read_write_key)
        if read_only and read_only == read_write:
            raise CannotServe("APIKEY and READ_WRITE_APIKEY are the same. Choose two different keys.")

    @property
    def has_own_keys(self) -> bool:
        return bool(_revealed(self.read_only_key) or _revealed(self.read_write_key))


def is_loopback(host: str) -> bool:
    """Is this address reachable from this machine only?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _revealed(key: SecretStr | None) -> str:
    return key.get_secret_value() if key is not None else ""
