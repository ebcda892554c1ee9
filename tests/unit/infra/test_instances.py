"""The databases that the control plane declares in unit files, and the supervisor runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from infra.embedded import instances, secret_files, services
from infra.embedded.instances import Instances
from infra.embedded.layout import DataLayout
from infra.embedded.ports import Ports
from infra.embedded.process import ProcessSpec
from tests.processes import wait_until

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
            name=name,
            command=[sys.executable, "-c", "import time; time.sleep(600)"],
            log_file=plan.layout.logs / f"{name}.log",
            run_dir=plan.layout.run,
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
    unit = {
        "format": 1,
        "instance_id": INSTANCE,
        "environment_id": ENVIRONMENT,
        "port": 8410,
        "data_dir": "/data",
        "logs_dir": "/logs",
        "uploads_dir": "/uploads",
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
    supervisor.reconcile()
    assert status(folder) == {"state": "stopped", "pid": None, "restarts": 0}
    assert not psutil.pid_exists(pid)


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


def test_declared_databases_survive_a_stop_of_the_supervisor(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    supervisor.stop()
    assert status(folder)["state"] == "stopped"
    supervisor.reconcile()
    assert status(folder)["state"] == "running"


@pytest.mark.parametrize("change", [{"format": 2}, {"port": "many"}, {"data_dir": None}])
def test_unit_of_an_unknown_form_is_left_alone_and_reported_once(
    supervisor: Instances, layout: DataLayout, change: dict[str, object]
) -> None:
    folder = declare(layout, **change)
    assert len(supervisor.reconcile()) == 1
    assert supervisor.reconcile() == []
    assert (folder / "unit.json").exists()
    assert not (folder / "status.json").exists()


def test_folder_that_vanishes_with_its_unit_is_no_obstacle(supervisor: Instances, layout: DataLayout) -> None:
    folder = declare(layout)
    supervisor.reconcile()
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert supervisor.reconcile() == []


def test_unit_names_what_a_reader_needs(layout: DataLayout) -> None:
    unit = instances.Unit.read(declare(layout) / "unit.json")
    assert (unit.environment_id, unit.port, unit.uploads_dir) == (ENVIRONMENT, 8410, Path("/uploads"))
