"""The embedded provider, from the sign-in page to a verified id token."""

from __future__ import annotations

import json
import stat
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from bs4 import BeautifulSoup
from joserfc import jwt
from joserfc.jwk import KeySet
from joserfc.jwt import JWTClaimsRegistry

from mission_control.identity.provider import create_provider
from tests.unit.mission_control.identity.provider_client import (
    CALLBACK,
    CLIENT_ID,
    CLIENT_SECRET,
    EMAIL,
    HOME,
    ISSUER,
    PASSWORD,
    VERIFIER,
    Provider,
    another_verifier,
    authorize_path,
    exchange,
    new_code,
    redirected_with,
    settings,
    sign_in,
)


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


def test_sign_in_gives_an_id_token_that_verifies_against_the_published_keys(provider: Provider) -> None:
    browser = provider.browser()
    answer = redirected_with(sign_in(browser))
    assert answer["state"] == "state-1"

    response = exchange(provider.app, answer["code"])
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    tokens = response.get_json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    assert "refresh_token" not in tokens

    discovery = browser.get("/.well-known/openid-configuration").get_json()
    keys = KeySet.import_key_set(browser.get(urlsplit(discovery["jwks_uri"]).path).get_json())
    token = jwt.decode(tokens["id_token"], keys, algorithms=["RS256"])
    now = int(provider.clock())
    JWTClaimsRegistry(
        now=now,
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": CLIENT_ID},
        exp={"essential": True},
        nonce={"essential": True, "value": "nonce-1"},
    ).validate(token.claims)
    assert uuid.UUID(token.claims["sub"])
    assert token.claims["email"] == EMAIL
    assert token.claims["email_verified"] is True
    assert token.claims["auth_time"] == now
    assert token.claims["exp"] == now + 600
    assert token.header["kid"] in {key.kid for key in keys.keys}


def test_published_keys_hold_nothing_private(provider: Provider) -> None:
    (key,) = provider.browser().get("/.well-known/jwks.json").get_json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}


def test_access_token_reads_the_claims_of_its_person(provider: Provider) -> None:
    browser = provider.browser()
    tokens = exchange(provider.app, new_code(browser)).get_json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/userinfo", headers=bearer).get_json()["email"] == EMAIL

    provider.clock.now += 601
    expired = browser.get("/userinfo", headers=bearer)
    assert expired.status_code == 401
    assert json.loads(expired.text)["error"] == "invalid_token"
    assert "Bearer" in expired.headers["WWW-Authenticate"]
    assert browser.get("/userinfo").status_code == 401
    assert browser.get("/userinfo", headers={"Authorization": "Bearer nonsense"}).status_code == 401


def test_claims_are_limited_to_the_scope_asked_for(provider: Provider) -> None:
    browser = provider.browser()
    tokens = exchange(provider.app, new_code(browser, scope="openid")).get_json()
    answer = browser.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"}).get_json()
    assert set(answer) == {"sub"}


def test_client_secret_may_come_in_the_body(provider: Provider) -> None:
    body = {
        "grant_type": "authorization_code",
        "code": new_code(provider.browser()),
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    assert provider.app.test_client().post("/oauth/token", data=body).status_code == 200


def test_a_wrong_verifier_gets_no_token_and_spends_the_code(provider: Provider) -> None:
    code = new_code(provider.browser())
    refused = exchange(provider.app, code, code_verifier=another_verifier())
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")
    assert exchange(provider.app, code).get_json()["error"] == "invalid_grant"


def test_a_missing_verifier_gets_no_token(provider: Provider) -> None:
    refused = exchange(provider.app, new_code(provider.browser()), code_verifier=None)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
)
def test_a_request_without_s256_is_sent_back_refused(provider: Provider, changes: dict[str, str | None]) -> None:
    answer = redirected_with(provider.browser().get(authorize_path(**changes)))
    assert answer["error"] == "invalid_request"
    assert answer["state"] == "state-1"


def test_a_replayed_code_is_refused_and_what_it_gave_is_withdrawn(provider: Provider) -> None:
    browser = provider.browser()
    code = new_code(browser)
    tokens = exchange(provider.app, code).get_json()
    replayed = exchange(provider.app, code)
    assert (replayed.status_code, replayed.get_json()["error"]) == (400, "invalid_grant")
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert browser.get("/userinfo", headers=bearer).status_code == 401


def test_a_code_shown_many_times_at_once_is_good_for_one(provider: Provider) -> None:
    code = new_code(provider.browser())
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: exchange(provider.app, code).status_code, range(8)))
    assert sorted(answers) == [200] + [400] * 7


@pytest.mark.parametrize(("seconds", "status"), [(59, 200), (60, 400)])
def test_a_code_is_good_for_a_minute(provider: Provider, seconds: int, status: int) -> None:
    code = new_code(provider.browser())
    provider.clock.now += seconds
    assert exchange(provider.app, code).status_code == status


def test_a_wrong_client_secret_is_refused_and_leaves_the_code_alone(provider: Provider) -> None:
    code = new_code(provider.browser())
    refused = exchange(provider.app, code, secret="x" * 64)
    assert (refused.status_code, refused.get_json()["error"]) == (401, "invalid_client")
    assert exchange(provider.app, code).status_code == 200


def test_a_code_is_bound_to_the_address_it_was_sent_to(provider: Provider) -> None:
    refused = exchange(provider.app, new_code(provider.browser()), redirect_uri=CALLBACK + "/other")
    assert (refused.status_code, refused.get_json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("grant_type", ["password", "refresh_token", "client_credentials", None])
def test_no_other_grant_is_served(provider: Provider, grant_type: str | None) -> None:
    refused = exchange(provider.app, "any", grant_type=grant_type)
    assert (refused.status_code, refused.get_json()["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "changes",
    [
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": CALLBACK + "?next=x"},
        {"redirect_uri": None},
        {"client_id": "somebody-else"},
        {"client_id": None},
        {"client_id": "somebody-else", "response_type": "token"},
        {"redirect_uri": "http://evil.example/callback", "response_type": "token"},
    ],
)
def test_an_unknown_client_or_address_gets_a_page_and_no_redirect(
    provider: Provider, changes: dict[str, str | None]
) -> None:
    page = provider.browser().get(authorize_path(**changes))
    assert page.status_code == 400
    assert "Location" not in page.headers
    assert "<h1>This sign-in link doesn't work</h1>" in page.text.replace("&#39;", "'")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "email"}, "invalid_scope"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
        ({"prompt": "none login"}, "invalid_request"),
    ],
)
def test_other_mistakes_are_told_to_the_client(provider: Provider, changes: dict[str, str | None], error: str) -> None:
    answer = redirected_with(provider.browser().get(authorize_path(**changes)))
    assert answer["error"] == error
    assert answer["state"] == "state-1"
    assert "code" not in answer


def test_a_second_sign_in_needs_no_password_unless_asked_for(provider: Provider) -> None:
    browser = provider.browser()
    first = sign_in(browser)
    assert first.status_code == 303
    auth_time = int(provider.clock())
    provider.clock.now += 100

    again = redirected_with(browser.get(authorize_path()))
    tokens = exchange(provider.app, again["code"]).get_json()
    keys = KeySet.import_key_set(browser.get("/.well-known/jwks.json").get_json())
    assert jwt.decode(tokens["id_token"], keys).claims["auth_time"] == auth_time

    assert "code" in redirected_with(browser.get(authorize_path(max_age="101")))
    assert "code" in redirected_with(browser.get(authorize_path(prompt="none")))
    for path in (authorize_path(prompt="login"), authorize_path(max_age="99"), authorize_path(max_age="0")):
        assert browser.get(path).status_code == 200
        assert "code" in redirected_with(sign_in(browser, path))
        provider.clock.now += 100


def test_the_sign_in_is_remembered_for_twelve_hours(provider: Provider) -> None:
    browser = provider.browser()
    sign_in(browser)
    provider.clock.now += 12 * 3600
    assert browser.get(authorize_path()).status_code == 200


def test_the_cookie_is_kept_from_scripts_and_other_sites(provider: Provider) -> None:
    cookie = sign_in(provider.browser()).headers["Set-Cookie"]
    assert cookie.startswith("vakka_identity=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie


@pytest.mark.parametrize(
    "path",
    [f"/v2/logout?client_id={CLIENT_ID}&returnTo={HOME}", f"/oidc/logout?post_logout_redirect_uri={HOME}&state=s1"],
)
def test_signing_out_ends_the_session_and_goes_home(provider: Provider, path: str) -> None:
    browser = provider.browser()
    sign_in(browser)
    left = browser.get(path)
    assert left.status_code == 303
    assert left.headers["Location"] == HOME + ("?state=s1" if "state" in path else "")
    assert browser.get(authorize_path()).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v2/logout?returnTo=http://evil.example/",
        f"/v2/logout?returnTo={HOME}elsewhere",
        "/oidc/logout?post_logout_redirect_uri=http://evil.example/",
        f"/oidc/logout?post_logout_redirect_uri={HOME}&client_id=somebody-else",
    ],
)
def test_signing_out_goes_nowhere_else_and_then_does_nothing(provider: Provider, path: str) -> None:
    browser = provider.browser()
    sign_in(browser)
    refused = browser.get(path)
    assert refused.status_code == 400
    assert "Location" not in refused.headers
    assert "code" in redirected_with(browser.get(authorize_path()))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_another_site_signs_nobody_out_without_asking(provider: Provider, method: str) -> None:
    browser = provider.browser()
    sign_in(browser)
    path = "/oidc/logout?" + urlencode({"post_logout_redirect_uri": HOME, "state": "s"})
    asked = browser.open(path, method=method, headers={"Sec-Fetch-Site": "cross-site"})
    assert asked.status_code == 200
    redirected_with(browser.get(authorize_path()))  # still signed in
    form = BeautifulSoup(asked.text, "html.parser").select_one("form")
    assert form is not None
    fields = {str(field["name"]): str(field["value"]) for field in form.select("input")}
    agreed = browser.post(str(form["action"]), data=fields, headers={"Sec-Fetch-Site": "same-origin"})
    assert (agreed.status_code, agreed.headers["Location"]) == (303, HOME + "?state=s")
    assert browser.get(authorize_path()).status_code == 200


def test_signing_out_without_an_address_says_so(provider: Provider) -> None:
    page = provider.browser().post("/oidc/logout")
    assert page.status_code == 200
    assert "You are signed out" in page.text


def test_discovery_names_addresses_that_exist(provider: Provider) -> None:
    document = provider.browser().get("/.well-known/openid-configuration").get_json()
    assert document["issuer"] == ISSUER
    paths = {rule.rule for rule in provider.app.url_map.iter_rules()}
    addresses = [value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))]
    assert len(addresses) == 5
    assert {urlsplit(address).path for address in addresses} <= paths


def test_health_answers_without_a_session(provider: Provider) -> None:
    answer = provider.browser().get("/health")
    assert (answer.status_code, answer.get_json()) == (200, {"status": "ok"})
    assert "Set-Cookie" not in answer.headers


def test_a_restart_keeps_people_keys_and_sessions(provider: Provider) -> None:
    browser = provider.browser()
    tokens = exchange(provider.app, new_code(browser)).get_json()
    (provider.folder / "owner_password").write_text("another one that no longer matters")

    restarted = Provider(provider.folder, provider.clock)
    keys = KeySet.import_key_set(restarted.browser().get("/.well-known/jwks.json").get_json())
    before = jwt.decode(tokens["id_token"], keys).claims["sub"]
    again = exchange(restarted.app, new_code(restarted.browser())).get_json()
    assert jwt.decode(again["id_token"], keys).claims["sub"] == before

    cookie = browser.get_cookie("vakka_identity", domain="localhost")
    assert cookie is not None
    same_browser = restarted.browser()
    same_browser.set_cookie("vakka_identity", cookie.value, domain="localhost")
    assert "code" in redirected_with(same_browser.get(authorize_path()))


def test_state_files_are_readable_by_their_owner_alone(provider: Provider) -> None:
    folder = provider.folder / "identity"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"users.json": 0o600, "signing_key.json": 0o600, "session_secret": 0o600}


def test_the_owner_has_the_id_that_the_settings_give(tmp_path: Path) -> None:
    subject = uuid.uuid4()
    (tmp_path / "owner_password").write_text(PASSWORD)
    app = create_provider(settings(tmp_path, owner_subject=subject))
    tokens = exchange(app, new_code(app.test_client())).get_json()
    answer = app.test_client().get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert answer.get_json()["sub"] == str(subject)
