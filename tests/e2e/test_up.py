"""`vakka up` as its user sees it: what it prints, what it refuses, where it listens."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from pathlib import Path

import psutil
import pytest

from tests.e2e import journeys
from tests.e2e.product import Product, installation
from tests.processes import wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def test_demo_prints_a_prediction_that_works_as_pasted(product: Product) -> None:
    product.start("--demo")
    command = printed_curl(product)
    finished = subprocess.run(["bash", "-ec", command], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    best = json.loads(finished.stdout)["hits"][0]
    assert best["feature"] == "6140"
    assert best["$p"] > 0.9
    assert re.search(r"read-only key\s+vakka_ro_\S{43}\n", product.printed)
    assert re.search(r"read-write key\s+vakka_rw_\S{43}\n", product.printed)
    visitor = journeys.sign_in(product)
    visitor.follow("demo")
    assert visitor.page.find(id="environment-url") is not None

    assert product.interrupt() == 0
    product.start("--demo")
    assert printed_curl(product) == command
    assert "invoices: 3,000 rows are there" in product.printed


def printed_curl(product: Product) -> str:
    """The command that the demo ends with, once it is printed."""
    wait_until(lambda: re.search(r"-d '\{.*\}'\n", product.printed) is not None, what="the demo", seconds=120)
    return product.printed[product.printed.index("curl -s") :]


def test_second_start_on_the_same_directory_is_refused_and_told_why(product: Product) -> None:
    product.start()
    assert product.process is not None
    second = subprocess.run(product.command, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1
    assert f"already runs on {product.data_dir} (process {product.process.pid})" in second.stderr
    assert "--data DIR" in second.stderr
    journeys.sign_in(product)


def test_taken_port_is_named_with_its_flag_and_nothing_is_left_running(folder: Path) -> None:
    with socket.socket() as stranger, installation(folder) as product:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        product.ports["uploads"] = stranger.getsockname()[1]
        refused = subprocess.run(product.command, capture_output=True, text=True, timeout=60, check=False)
        assert refused.returncode == 1
        assert f"Port {product.ports['uploads']}, wanted for uploads, is taken" in refused.stderr
        assert "--uploads-port PORT" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert processes_of(product) == []


def test_everything_listens_on_loopback_only(product: Product) -> None:
    product.start()
    journeys.create_environment(journeys.sign_in(product), "closed")
    addresses = {
        connection.laddr.ip
        for process in processes_of(product)
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}
    assert product.interrupt() == 0
    assert processes_of(product) == []


def test_another_postgresql_server_is_used_when_it_is_named(product: Product, database_url: str) -> None:
    product.start(environment={"DATABASE_URL": database_url})
    visitor = journeys.sign_in(product)
    journeys.create_environment(visitor, "elsewhere")
    assert not (product.data_dir / "postgres").exists()
    assert not product.children_named("pginstall")
    assert product.interrupt() == 0
    assert database_url not in product.printed


def processes_of(product: Product) -> list[psutil.Process]:
    """Every process of the machine that names the product's data directory, or was started by its supervisor."""
    found = []
    for process in psutil.process_iter():
        try:
            command, environment = process.cmdline(), process.environ()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if str(product.data_dir) in " ".join([*command, *environment.values()]):
            found.append(process)
    return found
