"""Pure rules and small parts: names, back-off, errors, logs, settings, signatures, files."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from api import log
from api.adapters.embedded.derived_keys import DerivedKeys
from api.adapters.embedded.files import child, remove_folder
from api.adapters.embedded.upload_urls import UrlExpired, UrlInvalid, UrlSigner
from api.domain.backoff import back_off
from api.domain.keys import Access
from api.domain.names import NameInvalid, clean_name
from api.errors import ERRORS, ApiError, ErrorType
from api.settings import Settings, UploadSettings
from tests.unit.api.world import MASTER_SECRET, logging_as_in_production, settings_for


@given(st.text(max_size=80))
def test_a_name_is_refused_or_comes_out_fit_to_be_shown(text: str) -> None:
    try:
        name = clean_name(text)
    except NameInvalid as error:
        assert str(error).endswith(".")
        return
    assert 1 <= len(name) <= 64
    assert name == name.strip()
    assert clean_name(name) == name


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_back_off_grows_to_its_cap_and_never_ends(failures: int, luck: float) -> None:
    seconds = back_off(failures, cap_seconds=30, random=lambda: luck)
    assert 0.25 <= seconds <= 30
    assert seconds <= back_off(failures + 1, cap_seconds=30, random=lambda: luck)
    if failures > 8:
        assert seconds >= 15


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_every_error_has_a_sentence_and_the_one_shape(code: str) -> None:
    error = ApiError(code)
    assert 400 <= error.status < 600
    assert error.message.endswith(".")
    assert error.body()["error"]["type"] in set(ErrorType)
    assert error.body()["error"]["docs"] == f"/docs/errors#{code}"
    assert ("Retry-After" in error.headers) == (error.status == 503)


def test_the_text_of_an_exception_never_reaches_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as_in_production():
        for logger in (log.get_logger("ours"), logging.getLogger("psycopg")):
            try:
                raise ValueError("Key (name)=(Anna's shop) vakka_rw_secret")
            except ValueError:
                logger.error("it_broke", exc_info=True)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2
    for line in lines:
        assert line["error"] == "ValueError"
        assert line["frames"][-1].startswith("test_rules.py:")
        assert "secret" not in json.dumps(line)


def test_settings_hide_their_secrets_and_cannot_be_changed(tmp_path: Path) -> None:
    settings = settings_for("postgresql://user:database-password@host/name", tmp_path)
    assert "database-password" not in repr(settings)
    assert MASTER_SECRET not in repr(settings)
    with pytest.raises(ValidationError):
        settings.data_dir = tmp_path / "elsewhere"  # type: ignore[misc]
    assert all(field.description for model in (Settings, UploadSettings) for field in model.model_fields.values())


def test_settings_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    for wrong in ({"agent_ports": "many"}, {"log_level": "LOUD"}, {"failpoint": "anywhere"}, {"worker_concurrency": 0}):
        with pytest.raises(ValidationError):
            settings_for("postgresql://unused", tmp_path, **wrong)


def test_a_range_of_ports_includes_both_ends(tmp_path: Path) -> None:
    ports = settings_for("postgresql://unused", tmp_path, agent_ports="8410-8412").port_range
    assert list(ports) == [8410, 8411, 8412]


def test_keys_follow_from_the_master_secret_alone_as_is_written_down() -> None:
    """The form is a promise to every running agent: a change of it would end all keys in use."""
    keys = DerivedKeys(SecretStr("m" * 32))
    key = keys.reveal_key(UUID("11111111-1111-4111-8111-111111111111"), 1, Access.READ_ONLY)
    assert key.get_secret_value() == "vakka_ro_raal1uZF4bmdf78wz5ZtY_zWk9eI46POHAEalQLkIqM"


@given(st.text(max_size=60))
def test_no_text_is_a_key_by_chance(text: str) -> None:
    assert DerivedKeys(SecretStr(MASTER_SECRET)).check_key(uuid4(), 1, SecretStr(text)) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_path_and_query_is_a_signed_url_by_chance(path: str, query: str) -> None:
    with pytest.raises(UrlInvalid):
        UrlSigner(SecretStr(MASTER_SECRET)).check("PUT", path, query, now=datetime.now(UTC))


def test_a_signed_url_is_good_for_its_method_and_its_20_minutes() -> None:
    signer = UrlSigner(SecretStr(MASTER_SECRET))
    now = datetime.now(UTC)
    signed = signer.sign(uuid4(), now=now)
    path, query = signed.path_and_query.split("?")
    assert signer.check("PUT", path, query, now=now + timedelta(seconds=1198)) == signed.target
    with pytest.raises(UrlExpired):
        signer.check("PUT", path, query, now=now + timedelta(seconds=1201))
    with pytest.raises(UrlInvalid):
        signer.check("GET", path, query, now=now)


def test_a_folder_is_removed_whatever_a_crash_left_of_an_earlier_try(tmp_path: Path) -> None:
    name = uuid4()
    (tmp_path / f".removing-{name}" / "deep").mkdir(parents=True)
    (tmp_path / str(name) / "data").mkdir(parents=True)
    remove_folder(tmp_path, name)
    remove_folder(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_removing_a_folder_does_not_follow_links(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "file").write_text("kept")
    volumes, name = tmp_path / "volumes", uuid4()
    (volumes / str(name)).mkdir(parents=True)
    (volumes / str(name) / "link").symlink_to(precious)
    remove_folder(volumes, name)
    assert (precious / "file").read_text() == "kept"
    assert list(volumes.iterdir()) == []


@pytest.mark.parametrize("wrong", ["..", "../etc", "", "/", "a"])
def test_only_an_id_names_a_folder(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match="badly formed"):
        child(tmp_path, wrong)  # type: ignore[arg-type]
