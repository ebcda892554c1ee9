"""Clients that are slow, silent or gone hold no thread for ever."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from instance_agent import patience, server
from instance_agent.maintenance_process import MaintenanceProcess
from instance_agent.patience import PatientSocket, PatientWorker
from tests.unit.instance_agent.conftest import make_settings


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[PatientSocket, socket.socket]]:
    """The server's end of a connection, and the client's."""
    monkeypatch.setattr(patience, "START_SECONDS", 0.2)
    ours, theirs = socket.socketpair()
    with PatientSocket(fileno=ours.detach()) as patient, theirs:
        patient.begin()
        yield patient, theirs


def drip(client: socket.socket, part: bytes, over: threading.Event) -> None:
    while not over.wait(0.05):
        client.sendall(part)


def read_for(patient: PatientSocket, seconds: float) -> int:
    """Bytes that arrived in this time."""
    end, received = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        received += len(patient.recv(65_536))
    return received


def test_a_silent_client_is_given_up(ends: tuple[PatientSocket, socket.socket]) -> None:
    started = time.monotonic()
    with pytest.raises(ConnectionResetError):
        ends[0].recv(10)
    assert 0.1 < time.monotonic() - started < 5


def test_a_client_that_drips_is_given_up(ends: tuple[PatientSocket, socket.socket]) -> None:
    over = threading.Event()
    threading.Thread(target=drip, args=(ends[1], b"x", over)).start()
    try:
        with pytest.raises(ConnectionResetError):
            read_for(ends[0], 5)
    finally:
        over.set()


def test_a_steady_client_may_take_its_time(ends: tuple[PatientSocket, socket.socket]) -> None:
    over = threading.Event()
    threading.Thread(target=drip, args=(ends[1], bytes(patience.SLOWEST_BYTES_PER_SECOND // 4), over)).start()
    try:
        assert read_for(ends[0], 0.6) > 0
    finally:
        over.set()


def test_each_request_has_its_own_time(ends: tuple[PatientSocket, socket.socket]) -> None:
    time.sleep(0.25)
    ends[0].begin()
    ends[1].sendall(b"next")
    assert ends[0].recv(10) == b"next"


def test_the_server_uses_it(tmp_path: Path) -> None:
    keeper = MaintenanceProcess(tmp_path, tmp_path, grace_seconds=0)
    with socket.socket() as listener:
        assert server._Server(make_settings(tmp_path), listener, keeper).cfg.worker_class is PatientWorker
    keeper.stop()


def test_answers_are_sent_at_once() -> None:
    with server._bind("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
