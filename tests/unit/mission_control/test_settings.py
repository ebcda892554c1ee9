"""The console starts with settings that can work, and says of any other what is wrong with it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from mission_control.settings import Edition, Settings

GOOD = {
    "DATABASE_URL": "postgresql://u:a-database-password@127.0.0.1/x",
    "API_URL": "http://127.0.0.1:8401",
    "API_SECRET": "a" * 31 + "1",
    "SESSION_SECRET": "b" * 31 + "2",
    "PUBLIC_URL": "http://127.0.0.1:8400/",
    "OIDC_ISSUER": "https://tenant.eu.auth0.test/",
    "OIDC_CLIENT_ID": "mission-control",
    "OIDC_CLIENT_SECRET": "c" * 31 + "3",
}


def read(monkeypatch: pytest.MonkeyPatch, **changes: str | None) -> Settings:
    for name, value in {**GOOD, **changes}.items():
        if value is None:
            monkeypatch.delenv(f"VAKKA_CONSOLE_{name}", raising=False)
        else:
            monkeypatch.setenv(f"VAKKA_CONSOLE_{name}", value)
    return Settings()


def test_settings_come_from_the_environment_with_safe_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read(monkeypatch)
    assert settings.public_url == "http://127.0.0.1:8400"
    assert settings.callback_url == "http://127.0.0.1:8400/auth/callback"
    assert settings.oidc_issuer == "https://tenant.eu.auth0.test/"
    assert settings.oidc_origin == "https://tenant.eu.auth0.test"
    assert settings.edition is Edition.CLOUD
    assert (settings.session_lifetime_seconds, settings.session_idle_seconds) == (12 * 3600, 2 * 3600)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("https://Console.Example.test:443/", "https://console.example.test"),
        ("http://LOCALHOST:80", "http://localhost"),
        ("http://[::1]:8400", "http://[::1]:8400"),
        ("https://console.example.test:80", "https://console.example.test:80"),
    ],
)
def test_public_url_is_kept_as_browsers_write_it(monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    assert read(monkeypatch, PUBLIC_URL=value).public_url == expected


@pytest.mark.parametrize("name", GOOD)
def test_missing_setting_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(ValidationError, match=name.lower()):
        read(monkeypatch, **{name: None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("API_SECRET", "short"),
        ("SESSION_SECRET", "short"),
        ("PUBLIC_URL", "127.0.0.1:8400"),
        ("PUBLIC_URL", "http://127.0.0.1:8400/console"),
        ("PUBLIC_URL", "http://somebody@127.0.0.1:8400"),
        ("PUBLIC_URL", "http://127.0.0.1:8400#top"),
        ("API_URL", "ftp://127.0.0.1"),
        ("OIDC_ISSUER", "auth0"),
        ("EDITION", "other"),
        ("LOG_LEVEL", "loud"),
        ("SESSION_IDLE_SECONDS", "0"),
    ],
)
def test_setting_that_cannot_work_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.lower()):
        read(monkeypatch, **{name: value})


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    text = repr(read(monkeypatch))
    for secret in ("a-database-password", GOOD["API_SECRET"], GOOD["SESSION_SECRET"], GOOD["OIDC_CLIENT_SECRET"]):
        assert secret not in text


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
