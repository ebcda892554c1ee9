"""The examples on the page of an environment run as they are pasted: taken out of the HTML, against a real agent."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mission_control.pages.snippets import PLACEHOLDER, snippets
from mission_control.parts import Parts
from tests.agents import KEYS, RunningAgent, running_agent
from tests.pages.browser import Browser, Page
from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.test_environments import team_of


@pytest.fixture
def page(tmp_path: Path, anna: Browser, parts: Parts, control_plane: FakeControlPlane) -> Iterator[Page]:
    """The page of an environment with a real, empty agent behind it and its read/write key revealed."""
    environment = control_plane.add(team_of(parts), "shop")
    key = control_plane.key(environment["id"], "read_write")
    with running_agent(tmp_path / "data", {**KEYS, "READ_WRITE_APIKEY": key}) as agent:
        assert isinstance(agent, RunningAgent)
        environment["url"] = agent.url
        address = f"/environments/{environment['id']}"
        yield anna.submit(anna.open(address), f"{address}/keys/read_write/reveal")


def run(command: list[str], pasted: str) -> str:
    finished = subprocess.run(command, input=pasted, capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
def test_curl_example_predicts_as_pasted_and_again(page: Page) -> None:
    for _ in range(2):  # pasted a second time it replaces the table
        answers = [json.loads(line) for line in run(["sh"], page.one("#snippet-curl").text).splitlines()]
        assert len(answers) == 4
        assert answers[1]["entries"] == 6
        assert answers[2]["total"] == 3
        assert answers[3]["hits"][0]["feature"] == "bakery"
        assert answers[3]["hits"][0]["$p"] > 0.6


def test_python_example_predicts_as_pasted(page: Page) -> None:
    lines = run([sys.executable, "-"], page.one("#snippet-python").text).splitlines()
    assert lines[0] == "3 dairy products"
    assert lines[1].startswith("bakery 0.")


def test_shell_example_has_no_comment_for_zsh_to_trip_over() -> None:
    code = snippets("http://127.0.0.1:8410", None)[0].code
    assert "#" not in code
    assert "!" not in code  # history expansion
    assert PLACEHOLDER in code
