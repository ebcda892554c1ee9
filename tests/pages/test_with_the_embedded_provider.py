"""The console and the embedded identity provider understand each other: in, out, and in again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin, urlsplit

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
def provider_settings(tmp_path: Path) -> ProviderSettings:
    password_file = tmp_path / "password"
    password_file.write_text(PASSWORD)
    password_file.chmod(0o600)
    return ProviderSettings(
        issuer=f"http://127.0.0.1:{free_port()}",
        state_dir=tmp_path / "identity",
        client_id="mission-control",
        client_secret=SecretStr(SECRET),
        redirect_uri="http://localhost/auth/callback",
        post_logout_uri="http://localhost/",
        owner_email="owner@example.test",
        owner_password_file=password_file,
    )


@contextmanager
def running(settings: ProviderSettings) -> Iterator[None]:
    port = urlsplit(settings.issuer).port
    assert port is not None
    with serving(create_provider(settings), port):
        yield


@pytest.fixture
def console(settings: Settings, provider_settings: ProviderSettings) -> Iterator[Flask]:
    changes = {"oidc_issuer": provider_settings.issuer, "oidc_client_secret": SecretStr(SECRET)}
    made = create_app(settings.model_copy(update=changes))
    yield made
    parts_of(made).database.close()


def give_the_password(there: requests.Session, address: str) -> str:
    """Sign in at the provider; where it sends the browser then."""
    form = there.get(address, timeout=10)
    assert form.status_code == 200, form.text
    html = BeautifulSoup(form.text, "html.parser")
    fields = {str(field["name"]): str(field.get("value", "")) for field in html.select("form input[name]")}
    action = html.select_one("form")
    assert action is not None
    filled = {**fields, "email": "owner@example.test", "password": PASSWORD}
    sent = there.post(urljoin(form.url, str(action["action"])), filled, allow_redirects=False, timeout=10)
    return sent.headers["Location"]


def test_owner_signs_in_with_the_password_and_out_everywhere(
    console: Flask, provider_settings: ProviderSettings
) -> None:
    browser, there = Browser(console), requests.Session()
    with running(provider_settings):
        back = give_the_password(there, browser.open("/auth/sign-in?next=/environments/new").location)
        assert back.startswith("http://localhost/auth/callback?")
        assert browser.come_back(back).location == "/environments/new"
        page = browser.open("/environments/new")
        assert page.one(".who").text == "owner@example.test"

        out = browser.submit(page, "/auth/sign-out")
        assert out.location.startswith(provider_settings.issuer)
        ended = there.get(out.location, allow_redirects=False, timeout=10)
        assert ended.headers.get("Location", "").startswith("http://localhost/"), (ended.status_code, ended.text)
        again = there.get(browser.open("/auth/sign-in").location, timeout=10)
        assert 'type="password"' in again.text  # the provider asks again: its session has ended too


def test_provider_that_restarts_midway_costs_one_more_click(
    console: Flask, provider_settings: ProviderSettings
) -> None:
    browser, there = Browser(console), requests.Session()
    with running(provider_settings):
        back = give_the_password(there, browser.open("/auth/sign-in").location)
    with running(provider_settings):  # it has forgotten the code
        page = browser.come_back(back)
        assert (page.status, page.response.headers["X-Error-Code"]) == (400, "sign_in_expired")
        assert page.has('main a[href="/auth/sign-in"]')
        again = there.get(browser.open("/auth/sign-in").location, allow_redirects=False, timeout=10)
        assert browser.come_back(again.headers["Location"]).location == "/environments"  # without the password
