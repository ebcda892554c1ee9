"""What holds on every page: structure, tokens in forms, the strict policy, who may see it, and the error pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from uuid import uuid4

import psycopg
import pytest
from bs4 import Tag
from flask import Flask
from pydantic import SecretStr
from werkzeug.routing import Rule

from mission_control.accounts.gate import OPEN_ENDPOINTS
from mission_control.app import create_app
from mission_control.errors import ERRORS
from mission_control.parts import Parts
from mission_control.settings import Settings
from tests.pages.browser import HTMX, Browser, Page
from tests.pages.conftest import parts_of
from tests.pages.fake_control_plane import FakeControlPlane, error
from tests.pages.states import add_states
from tests.pages.test_environments import events, team_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self' {provider}; base-uri 'none'; frame-ancestors 'none'"
)


def every_page(browser: Browser, parts: Parts, control_plane: FakeControlPlane) -> Iterator[tuple[str, Page]]:
    """Each page in each of its states."""
    team = team_of(parts)
    yield "landing", Browser(browser.client.application).open("/")
    yield "empty list", browser.open("/environments")
    yield "form", browser.open("/environments/new")
    yield "wrong form", browser.submit(browser.open("/environments/new"), "/environments/new", name="")
    states = add_states(control_plane, team)
    yield "list", browser.open("/environments")
    for name, environment in states.named().items():
        yield name, browser.open(f"/environments/{environment['id']}")
    address = f"/environments/{states.running['id']}"
    yield "revealed", browser.submit(browser.open(address), f"{address}/keys/read_write/reveal")
    yield "delete", browser.open(f"{address}/delete")
    yield "wrong delete", browser.submit(browser.open(f"{address}/delete"), f"{address}/delete", name="x")
    yield "not found", browser.open("/nothing")
    yield "form expired", browser.send("/environments/new", {"name": "x"})


def name_of(control: Tag) -> str:
    """What a screen reader calls a button or a link."""
    return str(control.get("aria-label") or "") or control.get_text(" ", strip=True)


def test_every_page_is_well_built(anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> None:
    for name, page in every_page(anna, parts, control_plane):
        html = page.html
        assert len(html.select("h1")) == 1, name
        assert html.html is not None and html.html["lang"] == "en", name
        assert html.title is not None and html.title.text.endswith(" · Vakka") and len(html.title.text) > 8, name
        assert html.select('meta[name="viewport"][content="width=device-width, initial-scale=1"]'), name
        assert len(html.select("main")) == 1, name
        assert not html.select("[style], style, [onclick], a[href^='javascript:']"), name
        assert not [script for script in html.select("script") if not script.get("src")], name
        assert not re.search(r"\son[a-z]+=", page.response.text), name
        for field in html.select("input:not([type=hidden])"):
            assert html.select(f'label[for="{field["id"]}"]'), (name, field)
        for control in html.select("button, a"):
            assert name_of(control), (name, control)
        for button in html.select("button"):
            assert button["type"] in {"button", "submit"}, (name, button)
        for image in html.select("img"):
            assert image.has_attr("alt"), name
        ids = [str(element["id"]) for element in html.select("[id]")]
        assert len(ids) == len(set(ids)), name
        for attribute in ("aria-labelledby", "aria-describedby"):
            for element in html.select(f"[{attribute}]"):
                assert set(str(element[attribute]).split()) <= set(ids), (name, element)
        levels = [int(heading.name[1]) for heading in html.select("h1, h2, h3, h4")]
        assert all(after <= before + 1 for before, after in pairwise(levels)), (name, levels)
        external = [
            str(element.get("src") or element.get("href"))
            for element in html.select("script, link, img")
            if not str(element.get("src") or element.get("href")).startswith("/static/")
        ]
        assert external == [], name


def test_every_form_has_a_token_and_is_refused_without_it(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane
) -> None:
    actions = set()
    for name, page in every_page(anna, parts, control_plane):
        for form in page.html.select("form"):
            assert form["method"] == "post", name
            assert form.select('input[name="csrf_token"][value]'), (name, form["action"])
            actions.add(str(form["action"]))
    assert len(actions) == 5  # sign out, create, delete, and revealing either key
    before = events(parts)
    stranger = Browser(anna.client.application)
    stranger.sign_in()
    another = stranger.open("/environments").form("/auth/sign-out")["csrf_token"]
    for action in actions:
        for token in ("", "wrong", another):
            page = anna.send(action, {"name": "running", "csrf_token": token})
            assert (page.status, page.response.headers["X-Error-Code"]) == (400, "form_expired"), action
    assert events(parts) == before
    assert anna.open("/environments").status == 200


def test_every_answer_has_the_headers(anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> None:
    policy = POLICY.format(provider=parts.settings.oidc_issuer)
    pages = dict(every_page(anna, parts, control_plane))
    pages["static"] = anna.open("/static/app.js")
    pages["health"] = anna.open("/health")
    pages["redirect"] = anna.open("/")
    for name, page in pages.items():
        headers = page.response.headers
        assert headers["Content-Security-Policy"] == policy, name
        assert headers["X-Content-Type-Options"] == "nosniff", name
        assert headers["X-Frame-Options"] == "DENY", name
        assert headers["Referrer-Policy"] == "same-origin", name
        assert "camera=()" in headers["Permissions-Policy"], name
        assert headers["X-Request-Id"], name
        assert "Strict-Transport-Security" not in headers, name
        if name != "static":
            assert headers["Cache-Control"] == "no-store", name


def test_static_files_may_be_kept_because_their_addresses_change(anna: Browser) -> None:
    address = str(anna.open("/environments").one('link[rel="stylesheet"]')["href"])
    assert re.fullmatch(r"/static/console\.css\?v=[0-9a-f]{12}", address)
    assert "max-age=31536000" in anna.open(address).response.headers["Cache-Control"]


def test_over_https_the_cookie_is_secure_and_hsts_is_sent(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"public_url": "https://localhost"}))
    response = app.test_client().get("/auth/sign-in", base_url="https://localhost")
    cookie = response.headers["Set-Cookie"].split("; ")
    assert cookie[0].startswith("__Host-vakka_console=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie)
    assert not [part for part in cookie if part.startswith("Domain")]
    assert response.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    parts_of(app).database.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "evil.test", "localhost:8400"])
def test_other_host_names_lead_to_the_one_address(visitor: Browser, host: str) -> None:
    answer = visitor.client.get("/environments/new?a=b", base_url=f"http://{host}")
    assert (answer.status_code, answer.headers["Location"]) == (308, "http://localhost/environments/new?a=b")
    refused = visitor.client.post("/environments/new", base_url=f"http://{host}")
    assert (refused.status_code, refused.headers["X-Error-Code"]) == (400, "host_unknown")
    assert visitor.client.get("/health", base_url=f"http://{host}").status_code == 200


def rules(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint not in OPEN_ENDPOINTS]


def test_signed_out_nothing_is_shown_and_nothing_is_done(
    app: Flask, visitor: Browser, control_plane: FakeControlPlane
) -> None:
    assert len(rules(app)) >= 10
    for rule in rules(app):
        address = app.url_map.bind("localhost").build(
            rule.endpoint, {"environment_id": uuid4(), "access": "read_only"} if rule.arguments else {}
        )
        for method in sorted((rule.methods or set()) - {"OPTIONS", "HEAD"}):
            page = visitor.open(address) if method == "GET" else visitor.send(address, {})
            assert page.status == (302 if method == "GET" else 401), (method, address)
            if method == "GET":
                assert page.location.startswith("/auth/sign-in?next="), address
    assert control_plane.requests == []


def test_stable_addresses_are_all_there(app: Flask) -> None:
    assert {
        "/",
        "/environments",
        "/environments/new",
        "/environments/<uuid:environment_id>",
        "/environments/<uuid:environment_id>/delete",
        "/auth/sign-in",
        "/auth/callback",
        "/auth/sign-out",
        "/health",
    } <= {rule.rule for rule in app.url_map.iter_rules()}


@pytest.mark.parametrize(
    "address", ["/nothing", "/environments/1", "/environments/x/delete", "/environments/", "/..%2f"]
)
def test_address_that_does_not_exist_is_a_404_page(anna: Browser, address: str) -> None:
    page = anna.open(address)
    assert page.status == 404
    assert page.heading == ERRORS["page_not_found"].title
    assert page.one("#request-id").text == page.response.headers["X-Request-Id"]
    assert page.has('a[href="/environments"]')


def test_wrong_method_is_a_405_page_that_says_which_are_right(anna: Browser) -> None:
    page = anna.send("/environments", {})
    assert (page.status, page.heading) == (405, ERRORS["method_not_allowed"].title)
    assert "GET" in page.response.headers["Allow"]


@pytest.mark.parametrize("query", ["a=\xff\xfe", "next=%ff%fe%00", "a=%0d%0aSet-Cookie:x=1"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_strange_bytes_in_an_address_break_nothing(visitor: Browser, query: str, host: str) -> None:
    answer = visitor.client.get("/environments", base_url=f"http://{host}", environ_overrides={"QUERY_STRING": query})
    assert answer.status_code in {302, 308}
    assert "Set-Cookie" not in answer.headers


def test_request_for_bytes_that_a_file_has_not_is_a_400_page(anna: Browser) -> None:
    page = anna.open("/static/app.js", headers={"Range": "bytes=900000-"})
    assert (page.status, page.response.headers["X-Error-Code"]) == (400, "bad_request")
    assert page.heading == ERRORS["bad_request"].title


def test_form_that_is_too_large_is_a_413_page(anna: Browser) -> None:
    page = anna.send("/environments/new", {"name": "x" * 70_000})
    assert (page.status, page.heading) == (413, ERRORS["too_large"].title)


def test_unexpected_error_is_a_500_page_without_details(
    anna: Browser, parts: Parts, control_plane: FakeControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret detail")

    monkeypatch.setattr(parts.control_plane, "environments", fail)
    page = anna.open("/environments")
    assert (page.status, page.heading) == (500, ERRORS["internal"].title)
    assert "a secret detail" not in page.response.text
    assert page.one("#request-id").text


def test_answer_of_the_control_plane_that_is_not_understood_is_a_500_page(
    anna: Browser, control_plane: FakeControlPlane
) -> None:
    control_plane.answers.append(error(200, "x", "neither a list nor an error"))
    assert anna.open("/environments").status == 500


def test_program_gets_the_error_as_json(anna: Browser) -> None:
    page = anna.open("/nothing", headers={"Accept": "application/json"})
    assert page.response.get_json() == {
        "error": {
            "code": "page_not_found",
            "type": "not_found",
            "message": ERRORS["page_not_found"].message,
            "param": None,
            "docs": "/docs/errors#page_not_found",
        }
    }


def test_htmx_gets_the_error_as_a_sentence(anna: Browser) -> None:
    page = anna.open(f"/environments/{uuid4()}/progress", headers=HTMX)
    assert page.status == 404
    assert page.response.text == ERRORS["environment_not_found"].message
    assert page.response.headers["HX-Refresh"] == "true"


def test_without_its_database_the_console_says_so(settings: Settings, anna: Browser) -> None:
    cookie = anna.cookie
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("alter schema mission_control rename to gone")
    assert anna.open("/health").status == 200
    app = create_app(settings.model_copy(update={"database_url": SecretStr("postgresql://127.0.0.1:1/none")}))
    browser = Browser(app)
    assert browser.open("/health").status == 503
    assert browser.open("/").status == 200
    assert cookie
    browser.client.set_cookie("vakka_console", cookie)
    for address in ("/environments", "/", "/auth/sign-in", "/auth/callback?code=x&state=y"):
        page = browser.open(address)
        assert (page.status, page.heading) == (503, ERRORS["database_unavailable"].title), address
        assert page.response.headers["Retry-After"]
    assert Browser(app).open("/auth/sign-in").heading == ERRORS["database_unavailable"].title
    parts_of(app).database.close()


def test_database_that_loses_its_tables_shows_a_page_and_no_details(settings: Settings, anna: Browser) -> None:
    with psycopg.connect(settings.database_url.get_secret_value(), autocommit=True) as connection:
        connection.execute("alter schema mission_control rename to gone")
        page = anna.open("/environments")
        assert (page.status, page.heading) == (503, ERRORS["database_unavailable"].title)
        assert "relation" not in page.text
        connection.execute("alter schema gone rename to mission_control")
    assert anna.open("/environments").status == 200


def test_health_needs_no_sign_in_and_makes_no_session(visitor: Browser) -> None:
    page = visitor.open("/health")
    assert (page.status, page.response.get_json()) == (200, {"status": "ok"})
    assert "Set-Cookie" not in page.response.headers


def test_favicon_is_the_lidded_bin(visitor: Browser) -> None:
    page = visitor.open("/favicon.ico")
    assert (page.status, page.response.mimetype) == (200, "image/svg+xml")
