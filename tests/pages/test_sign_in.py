"""Signing in and out: what the provider says, what comes back wrong, and what the browser holds."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from mission_control.parts import Parts
from tests.pages.browser import HTMX, Browser, Page
from tests.pages.fake_provider import CLIENT_SECRET, FakeProvider


def count(parts: Parts, table: str) -> int:
    with parts.database.transaction() as connection:
        row = connection.execute(f"select count(*) as n from {table}".encode()).fetchone()  # noqa: S608
    assert row is not None
    return int(row["n"])


def refused(page: Page, status: int, code: str) -> None:
    assert (page.status, page.response.headers["X-Error-Code"]) == (status, code)
    assert page.has("h1")
    assert page.has('a[href="/auth/sign-in"]')
    assert page.response.headers["X-Request-Id"] in page.text


def test_first_sign_in_makes_an_account_with_a_personal_team(visitor: Browser, parts: Parts) -> None:
    page = visitor.sign_in()
    assert page.location == "/environments"
    assert visitor.open("/environments").one(".who").text == "anna@example.test"
    with parts.database.transaction() as connection:
        row = connection.execute(
            "select email, role, personal_of = account.id as is_personal from account"
            " join membership on account_id = account.id join team on team.id = team_id"
        ).fetchone()
    assert row == {"email": "anna@example.test", "role": "owner", "is_personal": True}


def test_second_sign_in_finds_the_account_and_keeps_its_address_up_to_date(
    app: Flask, parts: Parts, provider: FakeProvider
) -> None:
    Browser(app).sign_in()
    provider.user["email"] = "anna.new@example.test"
    again = Browser(app)
    again.sign_in()
    assert again.open("/environments").one(".who").text == "anna.new@example.test"
    assert (count(parts, "account"), count(parts, "team"), count(parts, "membership")) == (1, 1, 1)


def test_same_address_of_another_subject_is_another_account(app: Flask, parts: Parts, provider: FakeProvider) -> None:
    Browser(app).sign_in()
    provider.user["sub"] = "user-2"
    Browser(app).sign_in()
    assert count(parts, "account") == 2


def test_every_sign_in_uses_its_own_verifier(app: Flask, provider: FakeProvider) -> None:
    Browser(app).sign_in()
    Browser(app).sign_in()
    assert len(set(provider.verifiers)) == 2


def test_sign_in_comes_back_to_the_page_that_asked_for_it(visitor: Browser) -> None:
    page = visitor.open("/environments/new?from=mail")
    assert parse_qs(urlsplit(page.location).query) == {"next": ["/environments/new?from=mail"]}
    assert visitor.sign_in(page.location).location == "/environments/new?from=mail"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/environments",
        "//evil.test/environments",
        "/\\evil.test/environments",
        "\\\\evil.test",
        "javascript:alert(1)",
        "/environments\n.evil.test",
        "/nowhere",
        "/auth/sign-out",
        "/auth/sign-in",
        "environments",
        "/" + "e" * 600,
        "",
    ],
)
def test_sign_in_leads_nowhere_else(visitor: Browser, target: str) -> None:
    assert visitor.sign_in("/auth/sign-in?" + urlencode({"next": target})).location == "/environments"


def test_somebody_signed_in_who_signs_in_stays_signed_in(anna: Browser) -> None:
    before = anna.cookie
    assert anna.open("/auth/sign-in?next=//evil.test").location == "/environments"
    assert anna.cookie == before


def test_cancelled_sign_in_is_a_friendly_page(visitor: Browser, provider: FakeProvider) -> None:
    provider.error = "access_denied"
    page = visitor.come_back(visitor.ask_provider())
    refused(page, 403, "sign_in_denied")
    assert "<b>no</b>" not in page.response.text


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ("temporarily_unavailable", 503, "provider_unavailable"),
        ("server_error", 503, "provider_unavailable"),
        ("invalid_request", 400, "sign_in_failed"),
        ("<script>", 400, "sign_in_failed"),
    ],
)
def test_errors_of_the_provider_are_friendly_pages(visitor: Browser, error: str, status: int, code: str) -> None:
    page = visitor.open("/auth/callback?" + urlencode({"error": error, "error_description": error}))
    refused(page, status, code)
    assert "<script>alert" not in page.response.text


def test_callback_without_a_sign_in_is_refused(visitor: Browser) -> None:
    refused(visitor.open("/auth/callback"), 400, "sign_in_expired")
    refused(visitor.open("/auth/callback?code=x&state=y"), 400, "sign_in_expired")


def test_callback_can_be_used_once(visitor: Browser, provider: FakeProvider) -> None:
    callback = visitor.ask_provider()
    assert visitor.come_back(callback).status == 303
    page = visitor.come_back(callback)
    assert (page.status, page.response.headers["X-Error-Code"]) == (400, "sign_in_expired")
    assert "You are signed in already" in page.text
    assert provider.tokens_given == 1
    assert visitor.open("/environments").status == 200


def test_callback_of_another_browser_is_refused(app: Flask, parts: Parts) -> None:
    callback = Browser(app).ask_provider()
    victim = Browser(app)
    refused(victim.come_back(callback), 400, "sign_in_expired")
    victim.ask_provider()
    refused(victim.come_back(callback), 400, "sign_in_expired")
    assert count(parts, "account") == 0


def test_sign_ins_begun_in_two_tabs_end_signed_in(visitor: Browser, provider: FakeProvider) -> None:
    first, second = visitor.ask_provider(), visitor.ask_provider()
    assert visitor.come_back(second).status == 303
    page = visitor.come_back(first)
    assert "You are signed in already" in page.text and page.has('main a[href="/environments"]')
    assert provider.tokens_given == 1


def test_sign_ins_that_are_only_begun_do_not_pile_up(visitor: Browser, parts: Parts) -> None:
    callbacks = [visitor.ask_provider() for _ in range(7)]
    with parts.database.transaction() as connection:
        row = connection.execute("select data from session").fetchone()
    assert row is not None
    assert len([key for key in row["data"] if key.startswith("_state_")]) == 5
    refused(visitor.come_back(callbacks[0]), 400, "sign_in_expired")
    assert visitor.come_back(callbacks[2]).status == 303


def test_code_of_another_person_cannot_be_put_into_a_sign_in(app: Flask, visitor: Browser, parts: Parts) -> None:
    theirs = parse_qs(urlsplit(Browser(app).ask_provider()).query)["code"][0]
    mine = parse_qs(urlsplit(visitor.ask_provider()).query)["state"][0]
    page = visitor.open("/auth/callback?" + urlencode({"code": theirs, "state": mine}))
    refused(page, 400, "sign_in_expired")
    assert count(parts, "account") == 0


@pytest.mark.parametrize("part", ["state", "code"])
def test_tampered_callback_is_refused(visitor: Browser, part: str) -> None:
    callback = visitor.ask_provider()
    given = parse_qs(urlsplit(callback).query)
    given[part] = [given[part][0][:-1] + ("A" if given[part][0][-1] != "A" else "B")]
    page = visitor.open("/auth/callback?" + urlencode(given, doseq=True))
    refused(page, 400, "sign_in_expired")
    assert visitor.open("/environments").status == 302


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"aud": "another-client"},
        {"aud": ["mission-control", "another-client"], "azp": "another-client"},
        {"aud": ["another-client"], "azp": "mission-control"},
        {"iss": "http://127.0.0.1"},
        {"iss": "https://another.test"},
        {"exp": 1_000_000_000},
        {"sub": ""},
        {"sub": 7},
    ],
    ids=str,
)
def test_id_token_that_says_something_wrong_signs_nobody_in(
    visitor: Browser, provider: FakeProvider, parts: Parts, lie: dict[str, object]
) -> None:
    provider.claims = lie
    refused(visitor.come_back(visitor.ask_provider()), 400, "sign_in_failed")
    assert visitor.open("/environments").status == 302
    assert count(parts, "account") == 0


@pytest.mark.parametrize("claim", ["nonce", "aud", "iss", "exp", "sub", "iat"])
def test_id_token_that_leaves_something_out_signs_nobody_in(
    visitor: Browser, provider: FakeProvider, parts: Parts, claim: str
) -> None:
    provider.left_out = {claim}
    refused(visitor.come_back(visitor.ask_provider()), 400, "sign_in_failed")
    assert count(parts, "account") == 0


def test_id_token_of_another_signer_signs_nobody_in(visitor: Browser, provider: FakeProvider, parts: Parts) -> None:
    provider.key_of_tokens = RSAKey.generate_key(2048, {"kid": "1"})
    refused(visitor.come_back(visitor.ask_provider()), 400, "sign_in_failed")
    assert count(parts, "account") == 0


def _base64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def _unsigned(claims: dict[str, Any]) -> str:
    return f"{_base64(json.dumps({'alg': 'none'}).encode())}.{_base64(json.dumps(claims).encode())}."


def _with_the_client_secret(claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256", "kid": "1"}, claims, OctKey.import_key(CLIENT_SECRET))


def _with_the_public_key_as_secret(claims: dict[str, Any]) -> str:
    public = FakeProvider().key.as_pem(private=False)
    signed = ".".join(_base64(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "1"}, claims))
    return f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}"


@pytest.mark.parametrize("sign", [_unsigned, _with_the_client_secret, _with_the_public_key_as_secret])
@pytest.mark.parametrize("algorithms", [["RS256", "HS256", "none"], ["RS256"]], ids=str)
def test_id_token_with_a_signature_that_others_can_make_signs_nobody_in(
    visitor: Browser,
    provider: FakeProvider,
    parts: Parts,
    sign: Callable[[dict[str, Any]], str],
    algorithms: list[str],
) -> None:
    provider.sign, provider.algorithms = sign, algorithms
    refused(visitor.come_back(visitor.ask_provider()), 400, "sign_in_failed")
    assert count(parts, "account") == 0


def test_provider_without_a_signature_that_can_be_trusted_is_not_used(visitor: Browser, provider: FakeProvider) -> None:
    provider.algorithms = ["HS256", "none"]
    refused(visitor.open("/auth/sign-in"), 503, "provider_unavailable")


def test_person_without_an_address_is_told_so(visitor: Browser, provider: FakeProvider) -> None:
    provider.left_out = {"email"}
    page = visitor.come_back(visitor.ask_provider())
    refused(page, 400, "sign_in_failed")
    assert "gave no e-mail address" in page.text


def test_provider_that_is_down_is_a_503_that_says_what_to_do(visitor: Browser, provider: FakeProvider) -> None:
    provider.is_down = True
    page = visitor.open("/auth/sign-in")
    refused(page, 503, "provider_unavailable")
    assert page.response.headers["Retry-After"] == "5"
    provider.is_down = False
    visitor.sign_in()


def test_provider_that_goes_down_midway_is_a_503(visitor: Browser, provider: FakeProvider) -> None:
    callback = visitor.ask_provider()
    provider.is_down = True
    refused(visitor.come_back(callback), 503, "provider_unavailable")


def test_provider_with_another_issuer_is_not_used(visitor: Browser, provider: FakeProvider) -> None:
    real, provider.issuer = provider.issuer, "http://127.0.0.1:1"
    refused(visitor.open("/auth/sign-in"), 503, "provider_unavailable")
    provider.issuer = real
    visitor.sign_in()


def test_cookie_is_random_hidden_from_scripts_and_new_at_sign_in(visitor: Browser) -> None:
    callback = visitor.ask_provider()
    before = visitor.cookie
    page = visitor.come_back(callback)
    cookie = page.response.headers["Set-Cookie"]
    assert cookie.startswith("vakka_console=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert before and visitor.cookie and before != visitor.cookie
    assert len(visitor.cookie) >= 43
    stranger = Browser(visitor.client.application)
    stranger.client.set_cookie("vakka_console", before)
    assert stranger.open("/environments").status == 302


def test_cookie_that_somebody_else_chose_is_never_adopted(visitor: Browser) -> None:
    visitor.client.set_cookie("vakka_console", "chosen-by-an-attacker")
    visitor.sign_in()
    assert visitor.cookie != "chosen-by-an-attacker"
    attacker = Browser(visitor.client.application)
    attacker.client.set_cookie("vakka_console", "chosen-by-an-attacker")
    assert attacker.open("/environments").status == 302


def test_signing_out_ends_the_session_here_and_at_the_provider(anna: Browser, provider: FakeProvider) -> None:
    stolen = anna.cookie
    assert stolen
    page = anna.submit(anna.open("/environments"), "/auth/sign-out")
    address = urlsplit(page.location)
    assert page.status == 303
    assert f"{address.scheme}://{address.netloc}{address.path}" == f"{provider.issuer}/oidc/logout"
    assert parse_qs(address.query) == {
        "client_id": ["mission-control"],
        "post_logout_redirect_uri": ["http://localhost/"],
    }
    assert anna.cookie is None
    thief = Browser(anna.client.application)
    thief.client.set_cookie("vakka_console", stolen)
    assert thief.open("/environments").status == 302


def test_signing_out_works_while_the_provider_is_down(app: Flask, anna: Browser, provider: FakeProvider) -> None:
    page = anna.open("/environments")
    provider.is_down = True
    answer = anna.submit(page, "/auth/sign-out")
    assert answer.status == 303  # the provider's addresses are known already: the browser is sent there all the same
    assert anna.open("/environments").status == 302


def test_signing_out_by_a_link_is_impossible(anna: Browser) -> None:
    assert anna.open("/auth/sign-out").status == 405
    assert anna.open("/environments").status == 200


def test_signing_out_twice_ends_at_the_front_door(anna: Browser) -> None:
    page = anna.open("/environments")
    other_tab = anna.open("/environments")
    anna.submit(page, "/auth/sign-out")
    assert anna.submit(other_tab, "/auth/sign-out").location == "/"


def test_page_that_polls_is_loaded_again_when_the_session_has_ended(visitor: Browser) -> None:
    page = visitor.open("/environments", headers=HTMX)
    assert (page.status, page.response.headers["HX-Refresh"]) == (401, "true")


def test_code_goes_to_the_provider_with_the_secret_in_the_header_only(visitor: Browser, provider: FakeProvider) -> None:
    begun = visitor.client.get("/auth/sign-in")
    asked = parse_qs(urlsplit(begun.headers["Location"]).query)
    assert asked["redirect_uri"] == ["http://localhost/auth/callback"]
    assert asked["code_challenge_method"] == ["S256"]
    assert "client_secret" not in asked
    assert requests.get(begun.headers["Location"], allow_redirects=False, timeout=5).status_code == 302
