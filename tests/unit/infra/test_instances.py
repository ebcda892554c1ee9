"""The databases that the control plane declares in unit files, and the supervisor runs."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.embedded import instances, secret_files, services
from infra.embedded.instances import Instances
from infra.embedded.layout import DataLayout
from infra.embedded.ports import Ports
from infra.embedded.process import ProcessSpec, SupervisedProcess
from tests.processes import free_port, wait_until

INSTANCE = "0b9f1d5e-7a53-4b5e-9d67-0f0c2f6a1d11"
ENVIRONMENT = "6a0f9f0b-32f8-4c57-8a39-9a6b0d9d3c22"


@pytest.fixture
def layout(tmp_path: Path) -> DataLayout:
    layout = DataLayout(tmp_path / "data")
    layout.create()
    return layout


@pytest.fixture
def supervisor(layout: DataLayout, monkeypatch: pytest.MonkeyPatch) -> Iterator[Instances]:
    """Instances whose databases are sleeping processes."""

    def sleeping_agent(plan: services.Plan, *, name: str, **_rest: object) -> ProcessSpec:
        return ProcessSpec(
            title=name,
            command=[sys.executable, "-c", "import time; time.sleep(600)"],
            log_file=plan.layout.logs / f"{name}.log",
            owner=plan.layout.root,
        )

    monkeypatch.setattr(services, "agent", sleeping_agent)
    plan = services.Plan(
        layout=layout,
        ports=Ports(console=1, api=2, identity=3, postgres=4, uploads=5, environments="8410-8499"),
        secrets=secret_files.load_or_create(layout.secrets),
        database_url="postgresql://unused",
        owner_email="owner@vakka.localhost",
    )
    supervisor = Instances(plan)
    yield supervisor
    supervisor.stop()


def declare(layout: DataLayout, **changed: object) -> Path:
    folder = layout.instances / INSTANCE
    folder.mkdir(exist_ok=True)
    (layout.volumes / "v" / "data").mkdir(parents=True, exist_ok=True)
    unit = {
        "format": 1,
        "instance_id": INSTANCE,
        "environment_id": ENVIRONMENT,
        "port": free_port(),
        "data_dir": "volumes/v/data",
        "logs_dir": "volumes/v/logs",
        "uploads_dir": "uploads/e",
    }
    (folder / "unit.json").write_text(json.dumps({**unit, **changed}))
    return folder


def status(folder: Path) -> dict[str, object]:
    return dict(json.loads((folder / "status.json").read_text()))


def after(supervisor: Instances, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Reconcile, then look."""

    def looked() -> bool:
        supervisor.reconcile()
        return condition()

    return looked


def test_declared_database_is_started_and_its_process_named(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    assert status(folder)["state"] == "running"
    assert psutil.pid_exists(int(str(status(folder)["pid"])))


def test_database_that_is_not_declared_any_more_is_stopped(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    pid = int(str(status(folder)["pid"]))
    (folder / "unit.json").unlink()
    wait_until(after(supervisor, lambda: status(folder)["state"] == "stopped"), what="the database to be stopped")
    assert status(folder) == {"state": "stopped", "pid": None, "restarts": 0}
    assert not psutil.pid_exists(pid)


def test_a_database_that_is_slow_to_stop_does_not_keep_others_waiting(
    supervisor: Instances, layout: DataLayout
) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    process = psutil.Process(int(str(status(folder)["pid"])))
    process.suspend()  # asked to stop it now does nothing
    (folder / "unit.json").unlink()
    began = time.monotonic()
    supervisor.reconcile()
    assert time.monotonic() - began < 1
    assert process.is_running()
    assert status(folder)["state"] == "running"
    process.resume()
    wait_until(after(supervisor, lambda: status(folder)["state"] == "stopped"), what="the database to be stopped")


def test_a_unit_that_comes_back_while_its_database_stops_is_started_after_that(
    supervisor: Instances, layout: DataLayout
) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    first = psutil.Process(int(str(status(folder)["pid"])))
    first.suspend()
    (folder / "unit.json").unlink()
    supervisor.reconcile()
    declare(layout)
    supervisor.reconcile()
    assert first.is_running()
    first.resume()
    wait_until(after(supervisor, lambda: status(folder)["pid"] not in {first.pid, None}), what="another process")
    assert not first.is_running()


@pytest.mark.parametrize("left", [None, "running"])
def test_what_a_killed_supervisor_left_in_a_folder_without_unit_is_set_right(
    supervisor: Instances, layout: DataLayout, left: str | None
) -> None:
    folder = layout.instances / INSTANCE
    folder.mkdir()
    if left:
        (folder / "status.json").write_text(json.dumps({"state": left, "pid": os.getpid(), "restarts": 0}))
    supervisor.reconcile()
    assert status(folder) == {"state": "stopped", "pid": None, "restarts": 0}


def test_a_database_whose_data_is_gone_is_not_started_empty(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    (layout.volumes / "v" / "data").rmdir()
    [told] = supervisor.reconcile()
    assert ENVIRONMENT in told
    assert "Put it back" in told
    assert supervisor.reconcile() == []
    assert status(folder) == {"state": "starting", "pid": None, "restarts": 0}
    (layout.volumes / "v" / "data").mkdir()
    supervisor.reconcile()
    assert status(folder)["state"] == "running"


def test_a_stranger_on_the_port_is_named_once_and_waited_for(supervisor: Instances, layout: DataLayout) -> None:
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        folder = declare(layout, port=port)
        (folder / "status.json").write_text(json.dumps({"state": "running", "pid": 1, "restarts": 0}))
        [told] = supervisor.reconcile()
        assert f"Port {port} of environment {ENVIRONMENT} is taken by another program" in told
        assert supervisor.reconcile() == []
        assert status(folder) == {"state": "starting", "pid": None, "restarts": 0}
    supervisor.reconcile()
    assert status(folder)["state"] == "running"


def test_a_data_directory_that_was_moved_still_finds_its_databases(layout: DataLayout) -> None:
    path = declare(layout) / "unit.json"
    unit = instances.Unit.read(path, layout.root)
    assert unit.data_dir == layout.volumes / "v" / "data"
    moved = layout.root.rename(layout.root.with_name("moved"))
    unit = instances.Unit.read(moved / path.relative_to(layout.root), moved)
    assert unit.data_dir == moved / "volumes" / "v" / "data"


def test_a_status_that_finds_no_room_is_written_later(
    supervisor: Instances, layout: DataLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = declare(layout)

    def full(_path: Path, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        supervisor.reconcile()
        assert not (folder / "status.json").exists()
    supervisor.reconcile()
    assert status(folder)["state"] == "running"


def test_killed_database_comes_back(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    first = int(str(status(folder)["pid"]))
    psutil.Process(first).kill()
    wait_until(
        after(supervisor, lambda: status(folder)["state"] == "running" and status(folder)["pid"] != first),
        what="another process",
    )
    assert status(folder)["restarts"] == 1


def test_status_never_says_running_without_a_process(
    supervisor: Instances, layout: DataLayout, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    looks = iter([int(str(status(folder)["pid"]))])
    # It ends between two looks: the first finds it, every later one doesn't.
    monkeypatch.setattr(SupervisedProcess, "pid", property(lambda _: next(looks, None)))
    for _ in range(3):
        supervisor.reconcile()
        assert (status(folder)["state"] == "running") == (status(folder)["pid"] is not None)


def test_declared_databases_survive_a_stop_of_the_supervisor(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    supervisor.stop()
    assert status(folder)["state"] == "stopped"
    supervisor.reconcile()
    assert status(folder)["state"] == "running"


@pytest.mark.parametrize("change", [{"format": 2}, {"port": "many"}, {"data_dir": None}, {"data_dir": "/etc"}])
def test_unit_of_an_unknown_form_is_left_alone_and_reported_once(
    supervisor: Instances, layout: DataLayout, change: dict[str, object]
) -> None:
    folder = declare(layout, **change)
    assert len(supervisor.reconcile()) == 1
    assert supervisor.reconcile() == []
    assert (folder / "unit.json").exists()
    assert status(folder)["pid"] is None


def test_a_unit_that_becomes_unreadable_does_not_stop_its_database(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    pid = status(folder)["pid"]
    (folder / "unit.json").write_text("{")
    supervisor.reconcile()
    assert status(folder) == {"state": "running", "pid": pid, "restarts": 0}


def test_folder_that_vanishes_with_its_unit_is_no_obstacle(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert supervisor.reconcile() == []


def test_unit_names_what_a_reader_needs(layout: DataLayout) -> None:
    unit = instances.Unit.read(declare(layout, port=8410) / "unit.json", layout.root)
    assert (unit.environment_id, unit.port, unit.uploads_dir) == (ENVIRONMENT, 8410, layout.uploads / "e")
