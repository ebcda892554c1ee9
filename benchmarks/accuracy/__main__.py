"""`python -m benchmarks.accuracy`: measure, print, and write docs/accuracy.md."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.accuracy import report
from benchmarks.accuracy.run import QUICK, Plan, carry_out
from benchmarks.accuracy.sets import MAKERS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out a run; the exit status."""
    options = _parser().parse_args(arguments)
    plan = QUICK if options.quick else Plan(splits=options.splits)
    makers = [make for make in MAKERS if not options.only or make.__name__ in options.only]
    results = carry_out(makers, plan, lambda line: print(line, flush=True))
    versions = {"Python": platform.python_version(), "numpy": version("numpy"), "scikit-learn": version("scikit-learn")}
    options.page.write_text(report.page(results, plan, versions, datetime.now(UTC).date()))
    print(f"\n{report.terminal(results)}\n\nWritten to {options.page}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description="Measure predictions.")
    parser.add_argument("--splits", type=int, default=3, help="how often each set is split (default 3)")
    parser.add_argument("--only", type=_names, default=[], metavar="NAME,NAME", help=", ".join(_known()))
    parser.add_argument("--quick", action="store_true", help="try the harness: few rows, figures mean nothing")
    parser.add_argument("--page", type=Path, default=PAGE, metavar="FILE", help="where the page is written")
    return parser


def _known() -> list[str]:
    return [make.__name__ for make in MAKERS]


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(_known()):
        raise argparse.ArgumentTypeError(f"there is no set {', '.join(sorted(unknown))}")
    return names


if __name__ == "__main__":
    sys.exit(main())
