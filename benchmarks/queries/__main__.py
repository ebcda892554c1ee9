"""`python -m benchmarks.queries`: measure, print, and write docs/benchmarks-queries.md."""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from benchmarks.queries import report
from benchmarks.queries.peers import PEERS
from benchmarks.queries.work import Outcome, Task
from benchmarks.storage import machine, plan
from benchmarks.storage.engines import OURS, OURS_HTTP
from benchmarks.storage.invoices import Invoices, Questions, write_file

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "benchmarks-queries.md"
SIZES = "10000,100000,1000000"
CLIENTS = (1, 8, 32)
LIBRARIES = ("numpy", "tantivy", "duckdb", "scikit-learn")
NEEDS = {"tantivy": "tantivy", "duckdb": "duckdb", "scikit": "sklearn"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a run; the exit status."""
    options = _parser().parse_args(arguments)
    sizes = [int(number) for number in options.rows.split(",")]
    peers = [name for name in PEERS if name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None]
    if options.folder:
        options.folder.mkdir(parents=True, exist_ok=True)
    found: dict[int, dict[str, Outcome]] = {}
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as folder:
        looked = machine.look(Path(folder))
        for rows in sizes:
            found[rows] = _size(Path(folder) / str(rows), rows, peers, quick=options.quick)
    versions = machine.versions(
        [name for name in LIBRARIES if importlib.util.find_spec(name.replace("scikit-learn", "sklearn"))]
    )
    page = report.page(found, looked, versions, datetime.now(UTC).date(), quick=options.quick)
    options.page.write_text(page)
    print(f"{page}\nWritten to {options.page}")
    return 0


def _size(folder: Path, rows: int, peers: list[str], *, quick: bool) -> dict[str, Outcome]:
    folder.mkdir()
    file = folder / "invoices.ndjson.gz"
    print(f"{rows} rows: loading", flush=True)
    write_file(Invoices(), rows, file)
    engines = [OURS_HTTP, OURS, *(engine for name in peers if (engine := PEERS[name][2]))]
    for engine in engines:
        task = plan.Task(
            engine, plan.Phase.LOAD, str(folder / engine), str(file), rows, Questions([], [], [], []), plan.Plan()
        )
        _run("benchmarks.storage.phases", msgspec.json.encode(task))
    counts = (5, 1, 0.5) if quick else (100, 3, 8.0)
    outcomes: dict[str, Outcome] = {}
    for kind in ("first", "ours", *peers, "http", "recommend"):
        print(f"{rows} rows: {kind}", flush=True)
        place = {"first": OURS, "ours": OURS, "http": OURS_HTTP, "scikit": OURS}.get(kind, kind)
        task_of_kind = Task(kind, str(folder / place), rows, *counts, list(CLIENTS))
        done = _run("benchmarks.queries.work", msgspec.json.encode(task_of_kind))
        outcomes[kind] = msgspec.json.decode(done, type=Outcome)
    return outcomes


def _run(module: str, task: bytes) -> bytes:
    """The last line that a process of the module says about the task. Raises RuntimeError with its complaint."""
    done = subprocess.run([sys.executable, "-m", module], input=task, capture_output=True, cwd=ROOT, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise RuntimeError(f"{module}: {said[-1] if said else done.returncode}")
    return done.stdout.strip().splitlines()[-1]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queries", description="Measure queries beside peers.")
    parser.add_argument("--rows", default=SIZES, metavar="N,N", help=f"sizes (default {SIZES})")
    parser.add_argument("--quick", action="store_true", help="try the harness: few repetitions, figures mean nothing")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="where the page is written")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where databases are made and removed")
    return parser


if __name__ == "__main__":
    sys.exit(main())
