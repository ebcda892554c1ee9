"""Keys: masked, revealed for one answer, hidden again, and nowhere else."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog
from flask import Flask

from mission_control import log
from mission_control.audit.events import EventKind
from mission_control.parts import Parts
from tests.pages.browser import HTMX, Browser
from tests.pages.fake_control_plane import FakeControlPlane, error
from tests.pages.test_environments import events, team_of
from tests.pages.test_sessions import whole_database


@pytest.fixture
def shop(anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> str:
    """The id of a running environment of anna's."""
    return str(control_plane.add(team_of(parts), "shop")["id"])


def test_page_of_an_environment_holds_no_key(anna: Browser, shop: str) -> None:
    page = anna.open(f"/environments/{shop}")
    assert [text.get_text() for text in page.html.select(".masked")] == [
        "Hidden. It begins with vakka_ro_••••••••••••",
        "Hidden. It begins with vakka_rw_••••••••••••",
    ]
    assert "secret-of" not in page.response.text
    assert "YOUR_READ_WRITE_KEY" in page.one("#snippet-curl").text


@pytest.mark.parametrize("access", ["read_only", "read_write"])
def test_revealed_key_is_on_the_page_once_it_was_asked_for(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, shop: str, access: str
) -> None:
    address = f"/environments/{shop}/keys/{access}/reveal"
    page = anna.submit(anna.open(f"/environments/{shop}"), address)
    assert page.status == 200
    assert page.one(f"#key-{access.replace('_', '-')}-value").text == control_plane.key(shop, access)
    assert page.response.headers["Cache-Control"] == "no-store"
    assert page.heading == "shop"
    assert len(page.html.select(".masked")) == 1
    assert events(parts) == [(EventKind.KEY_REVEALED, UUID(shop), access)]
    assert "secret-of" not in anna.open(f"/environments/{shop}").response.text


def test_revealing_with_htmx_answers_the_row_and_the_examples(
    anna: Browser, control_plane: FakeControlPlane, shop: str
) -> None:
    form = anna.open(f"/environments/{shop}")
    address = f"/environments/{shop}/keys/read_write/reveal"
    fragment = anna.send(address, form.form(address), headers=HTMX)
    assert not fragment.has("html")
    key = control_plane.key(shop, "read_write")
    assert fragment.one("#key-read-write-value").text == key
    for name in ("curl", "python"):
        snippet = fragment.one(f"#snippet-{name}")
        assert key in snippet.text and snippet["hx-swap-oob"] == "true"
    hidden = anna.open(f"/environments/{shop}/keys/read_write", headers=HTMX)
    assert key not in hidden.response.text
    assert "YOUR_READ_WRITE_KEY" in hidden.one("#snippet-python").text


def test_revealing_the_read_only_key_leaves_the_examples_alone(anna: Browser, shop: str) -> None:
    form = anna.open(f"/environments/{shop}")
    address = f"/environments/{shop}/keys/read_only/reveal"
    fragment = anna.send(address, form.form(address), headers=HTMX)
    assert fragment.has("#key-read-only-value") and not fragment.has("pre")


@pytest.mark.parametrize("path", ["/keys/read_write", "/keys/read_write/reveal"])
def test_opening_the_address_of_a_key_reveals_nothing(anna: Browser, parts: Parts, shop: str, path: str) -> None:
    assert anna.open(f"/environments/{shop}{path}").location == f"/environments/{shop}#keys"
    assert events(parts) == []


def test_unknown_kind_of_key_is_a_404(anna: Browser, shop: str) -> None:
    assert anna.open(f"/environments/{shop}/keys/admin").status == 404


def test_refused_reveal_shows_no_key_and_leaves_no_event(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, shop: str
) -> None:
    form = anna.open(f"/environments/{shop}")
    control_plane.answers.append(error(409, "environment_not_running", "The environment isn't running."))
    page = anna.submit(form, f"/environments/{shop}/keys/read_only/reveal")
    assert (page.status, page.response.headers["X-Error-Code"]) == (409, "environment_busy")
    assert events(parts) == []


@pytest.fixture
def log_text(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Log as the product does, everything, for one test; what was written."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    root = logging.getLogger()
    before = root.handlers[:], root.level
    log.configure("DEBUG")
    yield written
    structlog.reset_defaults()
    root.handlers[:] = before[0]
    root.setLevel(before[1])


def test_keys_addresses_and_secrets_are_in_no_log_and_no_table(
    log_text: io.StringIO, app: Flask, parts: Parts, control_plane: FakeControlPlane
) -> None:
    anna = Browser(app)
    callback = anna.ask_provider()
    anna.come_back(callback)
    shop = control_plane.add(team_of(parts), "a shop of secrets")["id"]
    form = anna.open(f"/environments/{shop}")
    for access in ("read_only", "read_write"):
        anna.submit(form, f"/environments/{shop}/keys/{access}/reveal")
    control_plane.answers.append(error(500, "internal", "a message that quotes vakka_rw_secret-of-somebody"))
    anna.submit(form, f"/environments/{shop}/keys/read_only/reveal")
    anna.open("/auth/callback?code=a-code-in-the-address&state=x")
    written = log_text.getvalue()
    dump = whole_database(parts)
    assert '"event": "request"' in written
    code = callback.split("code=")[1].split("&")[0]
    for secret in (
        "secret-of",
        "a-code-in-the-address",
        code,
        anna.cookie or "-",
        "a shop of secrets",
        parts_secret(app),
    ):
        assert secret not in written, secret
        assert secret not in dump, secret
    assert written.count("anna@example.test") == 1
    assert "Bearer" not in written


def parts_secret(app: Flask) -> str:
    return str(app.config["SECRET_KEY"])
