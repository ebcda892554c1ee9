"""What the README and the quickstart tell people to paste, pasted."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.sample_store.load import load_sample_store
from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, running_agent

ROOT = Path(__file__).resolve().parents[2]


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def paste(command: str, agent: RunningAgent) -> str:
    """What a shell answers to the command, with this agent's address and key."""
    before = f"URL={shlex.quote(agent.url)}\nKEY={shlex.quote(READ_WRITE_KEY)}\n"
    finished = subprocess.run(
        ["bash", "-euc", before + command], capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[RunningAgent]:
    with running_agent(tmp_path / "data") as agent:
        yield agent


def test_readme_shows_the_answer_that_the_demo_gives(agent: RunningAgent) -> None:
    load_sample_store(agent.url, READ_WRITE_KEY, progress=lambda _line: None)
    (question,) = (block for block in blocks("README.md", "sh") if "_predict" in block)
    pasted = question.replace("http://127.0.0.1:8410", agent.url).replace("YOUR_READ_ONLY_KEY", READ_ONLY_KEY)
    answered, (shown,) = json.loads(paste(pasted, agent)), blocks("README.md", "json")
    promised = json.loads(shown)
    assert [hit["feature"] for hit in answered["hits"]] == [hit["feature"] for hit in promised["hits"]]
    assert [hit["$p"] for hit in answered["hits"]] == pytest.approx([hit["$p"] for hit in promised["hits"]], abs=1e-6)
    assert answered["total"] == promised["total"]


def test_quickstart_works_as_pasted(agent: RunningAgent) -> None:
    put, ask = (
        re.sub(r"^(URL|KEY)=.*\n", "", block, flags=re.MULTILINE)
        for block in blocks("docs/quickstart.md", "sh")
        if "$URL" in block
    )
    assert '"entries":3' in paste(put, agent).replace(" ", "")
    answers = paste(ask, agent)
    assert "Rye bread" in answers
    assert "Oat bread" not in answers
    assert '"bakery"' in answers
    assert '"$why"' in answers
