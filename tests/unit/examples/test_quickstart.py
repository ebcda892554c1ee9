"""The runnable examples say what they need. What they do is tested against a real environment elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PROGRAMS = ([sys.executable, str(EXAMPLES / "quickstart.py")], ["sh", str(EXAMPLES / "quickstart.sh")])


@pytest.mark.parametrize("program", PROGRAMS, ids=["python", "curl"])
def test_an_example_without_an_environment_asks_for_one(program: list[str]) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VAKKA_")}
    finished = subprocess.run(program, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode != 0
    assert "name the environment" in finished.stderr
    assert "Traceback" not in finished.stderr
