"""The embedded provider and Authlib's client understand each other over real HTTP."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.flask_client import OAuth
from bs4 import BeautifulSoup
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server
from werkzeug.wrappers import Response

from mission_control.identity.provider import create_provider
from tests.processes import free_port
from tests.unit.mission_control.identity.provider_client import (
    CALLBACK,
    CLIENT_ID,
    CLIENT_SECRET,
    EMAIL,
    PASSWORD,
    cheap_passwords,
    settings,
)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The provider at a free port; gives its issuer."""
    (folder / "owner_password").write_text(PASSWORD)
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    with cheap_passwords():
        server = make_server("127.0.0.1", port, create_provider(settings(folder, issuer=issuer)), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def console(issuer: str, *, secret: str = CLIENT_SECRET) -> FlaskClient:
    """A program that signs people in as Mission Control does, and shows the claims that it got."""
    app = Flask("console")
    app.secret_key = "only-for-tests"
    provider: Any = OAuth(app).register(
        "provider",
        client_id=CLIENT_ID,
        client_secret=secret,
        server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email profile", "code_challenge_method": "S256"},
    )

    @app.get("/sign-in")
    def begin() -> Response:
        answer: Response = provider.authorize_redirect(CALLBACK)
        return answer

    @app.get("/auth/callback")
    def complete() -> dict[str, object]:
        token = provider.authorize_access_token(claims_options={"iss": {"values": [issuer]}})
        return {"id_token": dict(token["userinfo"]), "userinfo": dict(provider.userinfo(token=token))}

    return app.test_client()


def pass_the_sign_in_page(browser: requests.Session, address: str) -> str:
    """What a person does between the console and the console; gives the path that they come back with."""
    form = BeautifulSoup(browser.get(address, timeout=30).text, "html.parser").form
    assert form is not None
    token = form.find("input", {"name": "csrf_token"})
    assert token is not None
    parts = urlsplit(address)
    fields = {"csrf_token": str(token["value"]), "email": EMAIL, "password": PASSWORD}
    back = browser.post(
        f"{parts.scheme}://{parts.netloc}{form['action']}", data=fields, allow_redirects=False, timeout=30
    ).headers["Location"]
    assert back.startswith(CALLBACK)
    return back.removeprefix("http://127.0.0.1:8400")


def test_a_client_that_checks_everything_accepts_the_sign_in(tmp_path: Path) -> None:
    with served(tmp_path) as issuer, requests.Session() as browser:
        client = console(issuer)
        back = pass_the_sign_in_page(browser, client.get("/sign-in").headers["Location"])
        claims = client.get(back).get_json()
    assert claims["id_token"]["email"] == EMAIL
    assert claims["id_token"]["sub"] == claims["userinfo"]["sub"]
    assert abs(claims["id_token"]["auth_time"] - time.time()) < 60


def test_a_client_with_a_wrong_secret_gets_nobody(tmp_path: Path) -> None:
    with served(tmp_path) as issuer, requests.Session() as browser:
        client = console(issuer, secret="x" * 64)
        client.application.testing = True
        back = pass_the_sign_in_page(browser, client.get("/sign-in").headers["Location"])
        with pytest.raises(OAuthError, match="invalid_client"):
            client.get(back)
