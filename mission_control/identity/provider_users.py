"""The people who may sign in on this machine.

users.json: {"format": 1, "users": [{"subject": UUID, "email": text, "password_hash": scrypt}]}
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from werkzeug.security import check_password_hash, generate_password_hash

from mission_control.identity.provider_files import read_or_create

FORMAT = 1


class UsersUnreadable(Exception):
    """users.json is there, but it isn't one that this version understands."""


class OwnerPasswordMissing(Exception):
    """There is nobody who could sign in: the file with the owner's password is missing or empty."""


@dataclass(frozen=True)
class User:
    """Somebody who may sign in."""

    subject: str  # UUID, never changes; the `sub` of every token
    email: str = field(repr=False)
    password_hash: str = field(repr=False)


class Users:
    """The people of users.json."""

    def __init__(self, users: list[User]) -> None:
        self._by_subject = {user.subject: user for user in users}
        self._by_email = {_normalised(user.email): user for user in users}
        # Compared with when nobody has the e-mail, so that both answers take the same time.
        self._nobody_hash = generate_password_hash(secrets.token_urlsafe())

    def find(self, subject: str) -> User | None:
        """The person with this id."""
        return self._by_subject.get(subject)

    def authenticate(self, email: str, password: str) -> User | None:
        """The person with this e-mail, in any case, and password. Takes as long for an unknown e-mail."""
        user = self._by_email.get(_normalised(email))
        matches = check_password_hash(user.password_hash if user else self._nobody_hash, password)
        return user if matches else None


def load_or_create_users(
    state_dir: Path, *, owner_email: str, owner_password_file: Path, owner_subject: UUID | None
) -> Users:
    """The people in `state_dir`; at the first start that is the owner. Later the owner_* values aren't looked at.

    Raises OwnerPasswordMissing at a first start without a password, UsersUnreadable for a file of another format.
    """
    content = read_or_create(
        state_dir / "users.json", lambda: _only_owner(owner_email, owner_password_file, owner_subject)
    )
    try:
        document = json.loads(content)
        if document["format"] != FORMAT:
            raise UsersUnreadable(f"users.json has format {document['format']}; this version reads {FORMAT}")
        return Users([User(u["subject"], u["email"], u["password_hash"]) for u in document["users"]])
    except (ValueError, KeyError, TypeError):
        raise UsersUnreadable(
            "users.json of the identity provider is damaged: restore it, or remove it to begin with the owner again"
        ) from None


def _only_owner(email: str, password_file: Path, subject: UUID | None) -> bytes:
    try:
        password = password_file.read_text().strip("\r\n")
    except OSError:
        password = ""
    if not password:
        raise OwnerPasswordMissing(
            "the file named by VAKKA_IDENTITY_OWNER_PASSWORD_FILE is missing or empty: write a password into it"
        )
    owner = {
        "subject": str(subject or uuid4()),
        "email": email,
        "password_hash": generate_password_hash(password),
    }
    return json.dumps({"format": FORMAT, "users": [owner]}, indent=2).encode()


def _normalised(email: str) -> str:
    return email.strip().casefold()
