"""A provider under test, with a clock to move, and a browser and a console that use it."""

from __future__ import annotations

import base64
import functools
import hashlib
import secrets
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, urlencode, urlsplit

from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.security import generate_password_hash
from werkzeug.test import TestResponse

from mission_control.identity.provider import create_provider
from mission_control.identity.provider_settings import ProviderSettings

ISSUER = "http://127.0.0.1:8402"
CALLBACK = "http://127.0.0.1:8400/auth/callback"
HOME = "http://127.0.0.1:8400/"
CLIENT_ID = "mission-control"
CLIENT_SECRET = "s" * 64
EMAIL = "Owner@vakka.localhost"
PASSWORD = "correct horse battery"
VERIFIER = "v" * 64


@dataclass
class Clock:
    """Time that stands still until it is moved."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Provider:
    """One provider and what a test needs to talk to it."""

    folder: Path
    clock: Clock = field(default_factory=Clock)
    app: Flask = field(init=False)

    def __post_init__(self) -> None:
        password_file = self.folder / "owner_password"
        if not password_file.exists():
            password_file.write_text(PASSWORD + "\n")
        with cheap_passwords():
            self.app = create_provider(settings(self.folder), clock=self.clock)

    def browser(self) -> FlaskClient:
        """A browser without cookies."""
        return self.app.test_client()


def cheap_passwords() -> AbstractContextManager[object]:
    """Hashes made inside take a millisecond to check; the form of the hash stays the same."""
    cheap = functools.partial(generate_password_hash, method="scrypt:512:8:1")
    return patch("mission_control.identity.provider_users.generate_password_hash", cheap)


def settings(folder: Path, **changes: object) -> ProviderSettings:
    values: dict[str, object] = {
        "issuer": ISSUER,
        "state_dir": folder / "identity",
        "client_id": CLIENT_ID,
        "client_secret": SecretStr(CLIENT_SECRET),
        "redirect_uri": CALLBACK,
        "post_logout_uri": HOME,
        "owner_email": EMAIL,
        "owner_password_file": folder / "owner_password",
    }
    return ProviderSettings.model_validate(values | changes)


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def authorize_path(**changes: str | None) -> str:
    """The address that the console sends a browser to; a change to None leaves a parameter out."""
    parameters: dict[str, str | None] = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": CALLBACK,
        "scope": "openid email",
        "state": "state-1",
        "nonce": "nonce-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
        **changes,
    }
    return "/authorize?" + urlencode({name: value for name, value in parameters.items() if value is not None})


def sign_in(
    browser: FlaskClient,
    path: str | None = None,
    *,
    email: str = EMAIL,
    password: str = PASSWORD,
) -> TestResponse:
    """Open the page, fill the form as a person does, and send it."""
    return submit(browser, browser.get(path or authorize_path()), email=email, password=password)


def submit(browser: FlaskClient, page: TestResponse, **fields: str) -> TestResponse:
    form = BeautifulSoup(page.text, "html.parser").find("form")
    assert form is not None, page.text
    hidden = form.find("input", {"name": "csrf_token"})
    assert hidden is not None
    values = {"csrf_token": str(hidden["value"]), "email": EMAIL, "password": PASSWORD, **fields}
    return browser.post(str(form["action"]), data=values)


def redirected_with(response: TestResponse) -> dict[str, str]:
    """The query of a redirect to the callback; fails for anything else."""
    assert response.status_code in {302, 303}, response.text
    location = response.headers["Location"]
    assert location.startswith(CALLBACK + "?"), location
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def new_code(browser: FlaskClient, **changes: str | None) -> str:
    return redirected_with(sign_in(browser, authorize_path(**changes)))["code"]


def exchange(app: Flask, code: str, *, secret: str = CLIENT_SECRET, **changes: str | None) -> TestResponse:
    """Ask for tokens as the console does; a change to None leaves a field out."""
    fields: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        **changes,
    }
    body = {name: value for name, value in fields.items() if value is not None}
    return app.test_client().post("/oauth/token", data=body, auth=(CLIENT_ID, secret))


def another_verifier() -> str:
    return secrets.token_urlsafe(48)
