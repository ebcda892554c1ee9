"""Matrices are solved by one thread, so that the same rows and query give the same bytes in every process."""

from __future__ import annotations

import os
import subprocess
import sys


def test_numpy_solves_with_one_thread_unless_told_otherwise() -> None:
    script = "import instance_agent.app, os; print(os.environ['OPENBLAS_NUM_THREADS'])"
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for given, expected in (({}, "1"), ({"OPENBLAS_NUM_THREADS": "2"}, "2")):
        done = subprocess.run(
            [sys.executable, "-c", script], env={**clean, **given}, capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == expected
