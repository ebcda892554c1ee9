"""The console and the embedded identity provider understand each other: in, out, and in again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from bs4 import BeautifulSoup
from flask import Flask
from pydantic import SecretStr

from mission_control.app import create_app
from mission_control.identity.provider import create_provider
from mission_control.identity.provider_settings import ProviderSettings
from mission_control.settings import Settings
from tests.pages.browser import Browser
from tests.pages.conftest import parts_of
from tests.pages.web_server import serving
from tests.processes import free_port

PASSWORD = "correct horse battery staple"
SECRET = "a-secret-that-the-two-of-them-share-0"


@pytest.fixture
def issuer(tmp_path: Path) -> Iterator[str]:
    port = free_port()
    password_file = tmp_path / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o600)
    settings = ProviderSettings(
        issuer=f"http://127.0.0.1:{port}",
        state_dir=tmp_path / "identity",
        client_id="mission-control",
        client_secret=SecretStr(SECRET),
        redirect_uri="http://localhost/auth/callback",
        post_logout_uri="http://localhost/",
        owner_email="owner@example.test",
        owner_password_file=password_file,
    )
    with serving(create_provider(settings), port):
        yield settings.issuer


@pytest.fixture
def console(settings: Settings, issuer: str) -> Iterator[Flask]:
    made = create_app(settings.model_copy(update={"oidc_issuer": issuer, "oidc_client_secret": SecretStr(SECRET)}))
    yield made
    parts_of(made).database.close()


def test_owner_signs_in_with_the_password_and_out_everywhere(console: Flask, issuer: str) -> None:
    browser, there = Browser(console), requests.Session()
    begun = browser.open("/auth/sign-in?next=/environments/new")
    form = there.get(begun.location, timeout=10)
    assert form.status_code == 200, form.text
    fields = {
        str(field["name"]): str(field.get("value", ""))
        for field in BeautifulSoup(form.text, "html.parser").select("form input[name]")
    }
    action = BeautifulSoup(form.text, "html.parser").select_one("form")
    assert action is not None
    filled = {**fields, "email": "owner@example.test", "password": PASSWORD}
    sent = there.post(urljoin(form.url, str(action["action"])), filled, allow_redirects=False, timeout=10)
    assert sent.headers["Location"].startswith("http://localhost/auth/callback?")
    assert browser.come_back(sent.headers["Location"]).location == "/environments/new"
    page = browser.open("/environments/new")
    assert page.one(".who").text == "owner@example.test"

    out = browser.submit(page, "/auth/sign-out")
    assert out.location.startswith(issuer)
    ended = there.get(out.location, allow_redirects=False, timeout=10)
    assert ended.headers.get("Location", "").startswith("http://localhost/"), (ended.status_code, ended.text)
    again = there.get(browser.open("/auth/sign-in").location, timeout=10)
    assert 'type="password"' in again.text  # the provider asks again: its session has ended too
