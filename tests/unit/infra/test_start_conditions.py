"""What `vakka up` needs before it starts: its directory to itself, free ports, its secrets."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from infra.embedded import data_lock, secret_files
from infra.embedded.errors import AlreadyRunning, CannotStart, PortTaken
from infra.embedded.layout import DataLayout
from infra.embedded.ports import Ports, require_free
from tests.processes import free_port


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
