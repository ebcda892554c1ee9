"""Asks an agent what was asked when the examples were recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask.testing import FlaskClient

from tests.conformance.comparing import Asked
from tests.conformance.examples import Example
from tests.processes import wait_until

ALL = 1_000_000


@dataclass(frozen=True)
class Asker:
    """Calls an application, and remembers what it was answered."""

    client: FlaskClient
    asked: dict[str, Asked] = field(default_factory=dict)

    def __call__(self, example: Example, request: Any = None) -> Asked:
        """Our answers to an example's request, or to another one in its place."""
        if example.name not in self.asked:
            self.asked[example.name] = self._ask(example, request)
        return self.asked[example.name]

    def _ask(self, example: Example, request: Any) -> Asked:
        request = example.request if request is None else request
        ours = self.answer(example.method, example.endpoint, request)
        is_page = isinstance(ours, dict) and "hits" in ours
        wide = self.answer(example.method, example.endpoint, {**request, "limit": ALL}) if is_page else ours
        return Asked(example, ours, wide)

    def answer(self, method: str, endpoint: str, request: Any) -> Any:
        """The body of the answer; of a job its result."""
        body = self._call(method, f"/api/v1/{endpoint}", request)
        if not endpoint.startswith("jobs/"):
            return body
        job = f"/api/v1/jobs/{body['id']}"
        wait_until(lambda: "finishedAt" in self._call("GET", job, None), what="the job to end", seconds=30)
        return self._call("GET", f"{job}/result", None)

    def _call(self, method: str, path: str, request: Any) -> Any:
        options: dict[str, Any] = {} if request is None else {"json": request}
        answer = self.client.open(path, method=method, **options)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        return answer.get_json()
