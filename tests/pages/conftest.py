"""A console with everything around it: database, control plane, identity provider, a browser for its pages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser as Chromium
from pydantic import SecretStr

from mission_control.app import create_app
from mission_control.parts import Parts
from mission_control.settings import Edition, Settings
from mission_control.store.migrate import migrate
from tests.chromium import running_chromium
from tests.pages.browser import Browser
from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.fake_provider import CLIENT_ID, CLIENT_SECRET, FakeProvider
from tests.pages.web_server import serving
from tests.pages.windows import OpenPage, windows
from tests.processes import free_port


@pytest.fixture
def provider() -> Iterator[FakeProvider]:
    fake = FakeProvider()
    with serving(fake.app()) as port:
        fake.issuer = f"http://127.0.0.1:{port}"
        yield fake


@pytest.fixture
def control_plane() -> Iterator[FakeControlPlane]:
    fake = FakeControlPlane()
    with serving(fake.app()) as port:
        fake.url = f"http://127.0.0.1:{port}"
        yield fake


@pytest.fixture
def settings(database_url: str, provider: FakeProvider, control_plane: FakeControlPlane) -> Settings:
    migrate(SecretStr(database_url))
    return Settings(
        database_url=SecretStr(database_url),
        api_url=control_plane.url,
        api_secret=SecretStr(control_plane.secret),
        api_timeout_seconds=2,
        session_secret=SecretStr("a-session-secret-of-the-tests-only-0"),
        public_url="http://localhost",
        oidc_issuer=provider.issuer,
        oidc_client_id=CLIENT_ID,
        oidc_client_secret=SecretStr(CLIENT_SECRET),
        edition=Edition.EMBEDDED,
    )


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    made = create_app(settings)
    yield made
    parts_of(made).database.close()


@pytest.fixture
def parts(app: Flask) -> Parts:
    return parts_of(app)


def parts_of(app: Flask) -> Parts:
    found = app.extensions["vakka"]
    assert isinstance(found, Parts)
    return found


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser that knows nothing yet."""
    return app.test_client()


@pytest.fixture
def visitor(app: Flask) -> Browser:
    """Somebody signed out."""
    return Browser(app)


@pytest.fixture
def anna(app: Flask) -> Browser:
    """Somebody signed in."""
    browser = Browser(app)
    browser.sign_in()
    return browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def console(settings: Settings) -> Iterator[str]:
    """The console on a real port; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = create_app(settings.model_copy(update={"public_url": url}))
    with serving(app, port):
        yield url
    parts_of(app).database.close()


@pytest.fixture
def open_page(chromium: Chromium, console: str) -> Iterator[OpenPage]:
    with windows(chromium, console) as open_:
        yield open_
