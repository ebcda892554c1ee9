"""Jobs of agents that are killed: queries are answered after all, and no change is made twice."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import requests

from tests.agents import READ_ONLY_KEY, READ_WRITE_KEY, RunningAgent, running_agent
from tests.processes import wait_until

TABLE = {"type": "table", "columns": {"word": {"type": "Text", "nullable": True}, "job": {"type": "Int"}}}
ROUNDS = 3
JOBS_A_ROUND = 6
ROWS_OF_A_JOB = 3_000


def started(agent: RunningAgent, path: str, body: object, *, key: str = READ_WRITE_KEY) -> str:
    answer = agent.call("POST", f"/api/v1/jobs/{path}", body, key=key)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def has_ended(agent: RunningAgent, job: str) -> bool:
    return "finishedAt" in agent.call("GET", f"/api/v1/jobs/{job}").json()


def result(agent: RunningAgent, job: str) -> requests.Response:
    wait_until(lambda: has_ended(agent, job), what="the job to end", seconds=30)
    return agent.call("GET", f"/api/v1/jobs/{job}/result")


def kept_by_jobs(data_dir: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (data_dir / "jobs").iterdir())


def test_a_query_job_of_a_killed_agent_is_answered_after_the_restart(tmp_path: Path) -> None:
    """It runs when the agent is killed, as does another that waits behind it; nobody sends a key again."""
    data_dir = tmp_path / "data"
    with running_agent(data_dir) as first:
        first.call("PUT", "/api/v1/schema/t", TABLE)
        rows = [{"word": " ".join(f"w{place * 7 % size}" for size in range(50, 90)), "job": 0} for place in range(9000)]
        assert first.call("POST", "/api/v1/data/t/batch", rows).status_code == 200
        predicted = {"from": "t", "where": {"word": {"$get": "word"}}, "predict": "word"}
        long: dict[str, Any] = {"evaluate": predicted, "test": {"$index": {"$mod": [2, 0]}}, "select": ["n"]}
        jobs = [started(first, "_evaluate", long, key=READ_ONLY_KEY)]
        jobs.append(started(first, "_search", {"from": "t", "where": {"job": 0}, "limit": 0}))
        assert not has_ended(first, jobs[0]), "the job was meant to take longer"
        first.kill()
    assert b'"$get"' in kept_by_jobs(data_dir)
    for key in (READ_ONLY_KEY, READ_WRITE_KEY):
        assert key.encode() not in kept_by_jobs(data_dir)
    with running_agent(data_dir) as second:
        answers = [result(second, job) for job in jobs]
        assert [answer.status_code for answer in answers] == [200] * 2
        assert (answers[0].json()["n"], answers[1].json()["total"]) == (len(rows) / 2, len(rows))
    assert b'"$get"' not in kept_by_jobs(data_dir)


def test_a_query_that_kills_its_process_is_given_up(tmp_path: Path) -> None:
    """Stands for a query that takes more memory than there is."""
    with running_agent(tmp_path / "data") as agent:
        agent.call("PUT", "/api/v1/schema/t", TABLE)
        rows = [{"word": " ".join(f"w{place * 7 % size}" for size in range(50, 90)), "job": 0} for place in range(9000)]
        assert agent.call("POST", "/api/v1/data/t/batch", rows).status_code == 200
        where = {"$or": [{"word": {"$startsWith": f"w{number}"}} for number in range(3000)]}
        job = started(agent, "_search", {"from": "t", "where": where, "limit": 0})
        agent.kill()
    for _ in range(2):
        with running_agent(tmp_path / "data") as agent:
            assert not has_ended(agent, job)
            agent.kill()
    with running_agent(tmp_path / "data") as agent:
        refused = result(agent, job)
        assert (refused.status_code, refused.json()["error"]) == (500, "job_lost")
        assert "given up" in refused.json()["message"]


def test_no_change_of_a_job_is_made_twice_or_in_part(tmp_path: Path) -> None:
    """Killed at moments that differ from round to round, while jobs are begun, committed and waiting."""
    data_dir = tmp_path / "data"
    jobs: dict[int, str] = {}
    for round_number in range(ROUNDS):
        with running_agent(data_dir) as agent:
            if round_number == 0:
                agent.call("PUT", "/api/v1/schema/t", TABLE)
            for number in range(JOBS_A_ROUND):
                mark = round_number * JOBS_A_ROUND + number
                jobs[mark] = started(agent, "data/t/batch", [{"job": mark}] * ROWS_OF_A_JOB)
            time.sleep(0.07 * round_number)
            agent.kill()
    with running_agent(data_dir) as agent:
        answers = {mark: result(agent, job) for mark, job in jobs.items()}
        for mark, answer in answers.items():
            found = agent.call("POST", "/api/v1/_search", {"from": "t", "where": {"job": mark}, "limit": 0}).json()
            if answer.status_code == 200:
                assert found["total"] == ROWS_OF_A_JOB, mark
            else:
                assert answer.json()["error"] == "job_lost"
                assert found["total"] in (0, ROWS_OF_A_JOB), mark
        assert sum(answer.status_code == 200 for answer in answers.values()) >= len(jobs) / 2
