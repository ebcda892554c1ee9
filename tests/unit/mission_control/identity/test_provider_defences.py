"""What the embedded provider refuses, and how."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests
from bs4 import BeautifulSoup
from flask.testing import FlaskClient
from pydantic import ValidationError
from structlog.testing import capture_logs
from werkzeug.security import generate_password_hash

from mission_control.identity.provider import create_provider
from mission_control.identity.provider_users import OwnerPasswordMissing, User, Users, UsersUnreadable
from tests.processes import free_port, wait_until
from tests.unit.mission_control.identity.provider_client import (
    CALLBACK,
    CLIENT_ID,
    CLIENT_SECRET,
    EMAIL,
    HOME,
    PASSWORD,
    Provider,
    authorize_path,
    exchange,
    redirected_with,
    settings,
    sign_in,
    submit,
)

STRANGER = "nobody@vakka.localhost"


@pytest.fixture
def provider(tmp_path: Path) -> Provider:
    return Provider(tmp_path)


@pytest.fixture
def browser(provider: Provider) -> FlaskClient:
    return provider.browser()


@pytest.mark.parametrize("email", [EMAIL, STRANGER])
def test_a_wrong_password_gets_the_form_again_with_a_sentence(browser: FlaskClient, email: str) -> None:
    page = sign_in(browser, email=email, password="wrong")
    assert page.status_code == 401
    form = BeautifulSoup(page.text, "html.parser")
    alert = form.select_one("[role=alert]")
    assert alert is not None
    assert alert.text == "This e-mail and password don't belong together. Check both and try again."
    field = form.find("input", {"name": "email"})
    assert field is not None
    assert field["value"] == email
    assert "code" in redirected_with(submit(browser, page))


def test_the_e_mail_may_be_written_in_any_case(browser: FlaskClient) -> None:
    assert "code" in redirected_with(sign_in(browser, email=f" {EMAIL.upper()} "))


def test_an_unknown_e_mail_costs_as_much_work_as_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[str] = []

    def check(password_hash: str, _password: str) -> bool:
        looked_at.append(password_hash.partition("$")[0])
        return True

    users = Users([User("3f0a", EMAIL, generate_password_hash(PASSWORD))])
    monkeypatch.setattr("mission_control.identity.provider_users.check_password_hash", check)
    assert users.authenticate(EMAIL, PASSWORD) is not None
    assert users.authenticate(STRANGER, PASSWORD) is None
    assert looked_at == ["scrypt:32768:8:1"] * 2


@pytest.mark.parametrize("email", [EMAIL, STRANGER])
def test_guessing_is_slowed_down_by_growing_pauses(provider: Provider, browser: FlaskClient, email: str) -> None:
    for _ in range(5):
        assert sign_in(browser, email=email, password="wrong").status_code == 401
    for pause in (30, 60, 120):
        refused = sign_in(browser, email=email, password=PASSWORD)
        assert refused.status_code == 429
        assert refused.headers["Retry-After"] == str(pause)
        assert "too many wrong passwords" in refused.text
        provider.clock.now += pause
        assert sign_in(browser, email=email, password="wrong").status_code == 401


def test_a_pause_never_exceeds_fifteen_minutes_and_ends(provider: Provider, browser: FlaskClient) -> None:
    for _ in range(20):
        provider.clock.now += 900
        assert sign_in(browser, password="wrong").status_code == 401
    assert sign_in(browser).headers["Retry-After"] == "900"
    provider.clock.now += 900
    assert "code" in redirected_with(sign_in(browser))


def test_pauses_of_one_e_mail_leave_others_alone(browser: FlaskClient) -> None:
    for _ in range(6):
        sign_in(browser, email=STRANGER, password="wrong")
    assert "code" in redirected_with(sign_in(browser))


def test_a_right_password_or_a_quiet_hour_clears_the_count(provider: Provider, browser: FlaskClient) -> None:
    for _ in range(4):
        sign_in(browser, password="wrong")
    assert "code" in redirected_with(sign_in(browser))
    for _ in range(4):
        assert sign_in(browser, authorize_path(prompt="login"), password="wrong").status_code == 401
    provider.clock.now += 3601
    for _ in range(5):
        assert sign_in(browser, authorize_path(prompt="login"), password="wrong").status_code == 401


@pytest.mark.parametrize("token", ["", "forged", None])
def test_a_form_that_is_not_ours_signs_nobody_in(browser: FlaskClient, token: str | None) -> None:
    browser.get(authorize_path())
    fields = {"email": EMAIL, "password": PASSWORD} | ({} if token is None else {"csrf_token": token})
    refused = browser.post(authorize_path().replace("/authorize", "/sign-in"), data=fields)
    assert refused.status_code == 400
    assert "Please sign in again" in refused.text
    assert browser.get(authorize_path()).status_code == 200


def test_a_form_of_another_browser_signs_nobody_in(provider: Provider, browser: FlaskClient) -> None:
    page = provider.browser().get(authorize_path())
    assert submit(browser, page).status_code == 400


@pytest.mark.parametrize(
    "changes", [{"redirect_uri": "http://evil.example/"}, {"client_id": "somebody-else"}, {"redirect_uri": None}]
)
def test_a_form_whose_request_was_tampered_with_goes_nowhere(
    browser: FlaskClient, changes: dict[str, str | None]
) -> None:
    form = BeautifulSoup(browser.get(authorize_path()).text, "html.parser").find("input", {"name": "csrf_token"})
    assert form is not None
    fields = {"csrf_token": str(form["value"]), "email": EMAIL, "password": PASSWORD}
    refused = browser.post(authorize_path(**changes).replace("/authorize", "/sign-in"), data=fields)
    assert refused.status_code == 400
    assert "Location" not in refused.headers
    assert browser.get(authorize_path()).status_code == 200


def test_fields_added_to_the_form_do_not_override_the_request(browser: FlaskClient) -> None:
    refused = submit(browser, browser.get(authorize_path()), redirect_uri="http://evil.example/")
    assert refused.status_code == 400
    assert "Location" not in refused.headers


def test_a_challenge_taken_out_of_the_form_gets_no_code(browser: FlaskClient) -> None:
    page = browser.get(authorize_path())
    token = BeautifulSoup(page.text, "html.parser").find("input", {"name": "csrf_token"})
    assert token is not None
    path = authorize_path(code_challenge=None, code_challenge_method=None).replace("/authorize", "/sign-in")
    fields = {"csrf_token": str(token["value"]), "email": EMAIL, "password": PASSWORD}
    assert redirected_with(browser.post(path, data=fields))["error"] == "invalid_request"


def test_a_tampered_cookie_is_nobody(browser: FlaskClient) -> None:
    sign_in(browser)
    cookie = browser.get_cookie("vakka_identity", domain="localhost")
    assert cookie is not None
    payload, rest = cookie.value.split(".", 1)
    browser.set_cookie("vakka_identity", f"{payload[:-2]}AA.{rest}", domain="localhost")
    assert browser.get(authorize_path()).status_code == 200


def test_what_a_person_typed_is_escaped(browser: FlaskClient) -> None:
    page = sign_in(browser, email='"><script>x</script>', password="wrong")
    assert "<script>" not in page.text


def test_every_answer_is_closed_to_scripts_frames_and_caches(browser: FlaskClient) -> None:
    for path in (authorize_path(), "/authorize", "/nowhere", "/oidc/logout"):
        headers = browser.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self' http://127.0.0.1:8400;" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
    page = browser.get(authorize_path()).text
    assert "style=" not in page
    assert "<script" not in page


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/sign-in", 405), ("/oauth/token", 405)])
def test_other_addresses_get_a_page_that_says_so(browser: FlaskClient, path: str, status: int) -> None:
    page = browser.get(path)
    assert page.status_code == status
    assert BeautifulSoup(page.text, "html.parser").h1 is not None
    assert ("Allow" in page.headers) == (status == 405)


def test_a_request_that_is_too_large_is_refused(browser: FlaskClient) -> None:
    page = browser.get(authorize_path())
    assert submit(browser, page, password="x" * 100_000).status_code == 413


def test_a_page_under_a_name_of_somebody_else_is_refused(browser: FlaskClient) -> None:
    assert browser.get(authorize_path(), headers={"Host": "rebound.example:8402"}).status_code == 400
    assert browser.get(authorize_path(), headers={"Host": "127.0.0.1:8402"}).status_code == 200


def test_the_log_says_what_happened_without_naming_anybody(provider: Provider, browser: FlaskClient) -> None:
    with capture_logs() as lines:
        sign_in(browser, password="wrong-password")
        answer = redirected_with(sign_in(browser))
        exchange(provider.app, answer["code"], secret="x" * 64)
        tokens = exchange(provider.app, answer["code"]).get_json()
        browser.get(f"/v2/logout?returnTo={HOME}")
    assert [line["event"] for line in lines] == ["sign_in_refused", "signed_in", "token_refused", "signed_out"]
    text = json.dumps(lines).lower()
    for secret in (EMAIL.lower(), "wrong-password", PASSWORD, answer["code"].lower(), tokens["access_token"].lower()):
        assert secret not in text


def test_an_unexpected_failure_is_logged_and_told_politely(
    browser: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> User | None:
        raise RuntimeError("broken")

    monkeypatch.setattr(Users, "authenticate", fail)
    with capture_logs() as lines:
        page = sign_in(browser)
    assert page.status_code == 500
    assert "broken" not in page.text
    assert [(line["event"], line["log_level"]) for line in lines] == [("request_failed", "error")]


@pytest.mark.parametrize(
    "changes",
    [
        {"deployment": "production"},
        {"deployment": "Production "},
        {"issuer": "https://id.example.com"},
        {"issuer": "http://192.168.1.2:8402"},
        {"issuer": "http://127.0.0.1:8402/"},
        {"issuer": "127.0.0.1:8402"},
        {"redirect_uri": "/auth/callback"},
        {"client_secret": "too-short-to-be-one"},
    ],
)
def test_settings_that_are_not_for_one_machine_are_refused(tmp_path: Path, changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(tmp_path, **changes)
    assert "too-short-to-be-one" not in str(refused.value)


@pytest.mark.parametrize("issuer", ["http://localhost:8402", "http://127.0.0.2:1", "https://[::1]:8402"])
def test_every_loopback_address_may_be_the_issuer(tmp_path: Path, issuer: str) -> None:
    assert settings(tmp_path, issuer=issuer).issuer == issuer


def test_production_is_recognised_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAKKA_ENV", "production")
    with pytest.raises(ValidationError, match="VAKKA_ENV=production"):
        settings(tmp_path)


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_first_start_without_a_password_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "owner_password").write_text(content)
    with pytest.raises(OwnerPasswordMissing, match="VAKKA_IDENTITY_OWNER_PASSWORD_FILE"):
        create_provider(settings(tmp_path))
    assert not (tmp_path / "identity" / "users.json").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"format": 2}', '{"format": 1, "users": [{}]}'])
def test_a_damaged_file_of_users_is_refused_and_left_alone(provider: Provider, content: str) -> None:
    path = provider.folder / "identity" / "users.json"
    path.write_text(content)
    with pytest.raises(UsersUnreadable):
        create_provider(settings(provider.folder))
    assert path.read_text() == content


def environment(folder: Path, port: int) -> dict[str, str]:
    (folder / "owner_password").write_text(PASSWORD)
    return {
        "PATH": os.environ["PATH"],
        "VAKKA_IDENTITY_ISSUER": f"http://127.0.0.1:{port}",
        "VAKKA_IDENTITY_STATE_DIR": str(folder / "identity"),
        "VAKKA_IDENTITY_CLIENT_ID": CLIENT_ID,
        "VAKKA_IDENTITY_CLIENT_SECRET": CLIENT_SECRET,
        "VAKKA_IDENTITY_REDIRECT_URI": CALLBACK,
        "VAKKA_IDENTITY_POST_LOGOUT_URI": HOME,
        "VAKKA_IDENTITY_OWNER_EMAIL": EMAIL,
        "VAKKA_IDENTITY_OWNER_PASSWORD_FILE": str(folder / "owner_password"),
    }


def test_it_serves_under_gunicorn_logs_json_and_stops_at_once(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "mission_control.identity.provider_wsgi:app", "--no-control-socket"]
    command += ["--bind", f"127.0.0.1:{port}", "--worker-class", "gthread", "--threads", "2", "--log-level", "warning"]
    command += ["--graceful-timeout", "4"]
    process = subprocess.Popen(command, env=environment(tmp_path, port), stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: answers(port), what="the provider to answer")
        browser = requests.Session()
        page = browser.get(f"http://127.0.0.1:{port}{authorize_path()}", timeout=30)
        form = BeautifulSoup(page.text, "html.parser").form
        assert form is not None
        token = form.find("input", {"name": "csrf_token"})
        assert token is not None
        fields = {"csrf_token": str(token["value"]), "email": EMAIL, "password": PASSWORD}
        signed_in = browser.post(
            f"http://127.0.0.1:{port}{form['action']}", data=fields, allow_redirects=False, timeout=30
        )
        assert signed_in.status_code == 303
        assert signed_in.headers["Location"].startswith(CALLBACK + "?" + urlencode({"code": ""}))
    finally:
        process.terminate()
        _, log = process.communicate(timeout=10)
    events = [json.loads(line)["event"] for line in log.splitlines()]
    assert events == ["identity_provider_ready", "signed_in"]
    (owner,) = json.loads((tmp_path / "identity" / "users.json").read_text())["users"]
    assert owner["password_hash"].startswith("scrypt:32768:8:1$")


def answers(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/health", timeout=1).status_code == 200
    except requests.RequestException:
        return False


def test_it_does_not_start_in_production(tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", "import mission_control.identity.provider_wsgi"],
        env=environment(tmp_path, 8402) | {"VAKKA_ENV": "production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode != 0
    assert "does not run with VAKKA_ENV=production" in finished.stderr
    assert CLIENT_SECRET not in finished.stderr
    assert not (tmp_path / "identity").exists()
