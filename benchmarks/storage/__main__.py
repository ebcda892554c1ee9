"""`python -m benchmarks.storage`: measure, print, and write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.storage import machine, report
from benchmarks.storage.engines import KINDS, OURS, OURS_HTTP, Kind
from benchmarks.storage.plan import QUICK, Plan
from benchmarks.storage.run import ROOT, Run

SIZES = "10000,100000,1000000"
TEN_MILLION = 10_000_000
PAGE = ROOT / "docs" / "benchmarks.md"


def _family(kind: Kind) -> str:
    """Ours are measured together: the one in process opens what the agent has loaded."""
    return OURS if kind.name == OURS_HTTP else kind.name


FAMILIES = tuple(dict.fromkeys(_family(kind) for kind in KINDS.values()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a run; the exit status, 1 when an engine failed or two disagree."""
    options = _parser().parse_args(arguments)
    sizes = sorted({*options.rows, *([TEN_MILLION] if options.with_10m else [])})
    kinds = [kind for kind in KINDS.values() if not options.only or _family(kind) in options.only]
    left_out = {kind.title: f"the library {kind.needs} isn't installed" for kind in kinds if kind.missing()}
    kinds = [kind for kind in kinds if not kind.missing()]
    for title, reason in left_out.items():
        print(f"{title} is left out: {reason}.")
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=options.folder) as folder:
        looked = machine.look(Path(folder))
        run = Run(kinds, QUICK if options.quick else Plan(), Path(folder), lambda line: print(line, flush=True))
        result = run.carry_out(sizes)
    result.left_out = left_out
    libraries = [library for kind in kinds for library in kind.libraries]
    options.page.write_text(report.page(result, looked, machine.versions(libraries), datetime.now(UTC).date()))
    print(f"\n{report.terminal(result)}\n\nWritten to {options.page}")
    for problem in result.problems:
        print(problem, file=sys.stderr)
    return 1 if result.problems else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.storage", description="Measure the storage engine.")
    parser.add_argument("--rows", type=_sizes, default=_sizes(SIZES), metavar="N,N", help=f"sizes (default {SIZES})")
    parser.add_argument("--with-10m", action="store_true", help="with 10,000,000 rows, too: takes hours and 20 GB")
    parser.add_argument("--only", type=_engines, default=[], metavar="NAME,NAME", help=", ".join(FAMILIES))
    parser.add_argument("--quick", action="store_true", help="try the harness: few repetitions, figures mean nothing")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="where the page is written")
    parser.add_argument(
        "--folder", type=Path, metavar="DIR", help="where databases are made and removed (default: temporary)"
    )
    return parser


def _sizes(text: str) -> list[int]:
    sizes = [int(number) for number in text.split(",")]
    if min(sizes) < 1:
        raise argparse.ArgumentTypeError("a table has at least one row")
    return sizes


def _engines(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(FAMILIES):
        raise argparse.ArgumentTypeError(f"there is no engine {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
