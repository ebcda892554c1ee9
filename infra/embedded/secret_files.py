"""The secrets of the one-machine edition: random, made once, one file each, readable by the owner alone."""

from __future__ import annotations

import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SecretFiles:
    """Every secret that `vakka up` hands to a service. Never printed: no field appears in the repr."""

    postgres_password: str = field(repr=False)
    master_secret: str = field(repr=False)  # API keys, upload signatures and agents' secrets derive from it
    console_api_secret: str = field(repr=False)  # Mission Control signs its calls to the control plane with it
    session_secret: str = field(repr=False)
    oidc_client_secret: str = field(repr=False)
    owner_password: str = field(repr=False)  # of the first person, shown by `vakka up`
    owner_subject: str = field(repr=False)  # that person's id at the identity provider
    owner_password_file: Path = field(repr=False)


def load_or_create(folder: Path) -> SecretFiles:
    """The secrets of `folder`; those that are missing are made. Existing ones never change."""
    owner_password_file = folder / "owner_password"
    return SecretFiles(
        postgres_password=_secret(folder / "postgres_password"),
        master_secret=_secret(folder / "master_secret"),
        console_api_secret=_secret(folder / "console_api_secret"),
        session_secret=_secret(folder / "session_secret"),
        oidc_client_secret=_secret(folder / "oidc_client_secret"),
        owner_password=_secret(owner_password_file, secrets.token_urlsafe(12)),
        owner_subject=_secret(folder / "owner_subject", str(uuid.uuid4())),
        owner_password_file=owner_password_file,
    )


def _secret(path: Path, fresh: str | None = None) -> str:
    """The text in `path`, which is made, complete or not at all, when it is missing."""
    if not path.exists():
        unfinished = path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(fresh or secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(path)
        _sync(path.parent)
    return path.read_text()


def _sync(folder: Path) -> None:
    """Make the folder's list of names durable: keys handed out must not outlive what they derive from."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
