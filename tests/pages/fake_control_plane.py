"""A control plane that keeps its promises to the console, in memory.

It checks every token, scopes by team, and moves an operation one step further each time it is looked at, unless told
otherwise. What arrives is kept for the tests to look at.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from flask import Flask, Response, jsonify, request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jwt import JWTClaimsRegistry

STEPS = {
    "create": [
        ("create_volume", "Making room for your data"),
        ("start_instance", "Starting the database"),
        ("open_route", "Opening its address"),
    ],
    "delete": [
        ("revoke_keys", "Revoking the keys"),
        ("stop_instance", "Stopping it"),
        ("remove_volume", "Removing data"),
    ],
}


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


@dataclass
class FakeControlPlane:
    """The state, and the knobs that tests turn."""

    secret: str = "the-console-and-the-api-share-this-secret"
    environments: dict[str, dict[str, Any]] = field(default_factory=dict)  # by id, with "team"
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, team
    claims: list[dict[str, Any]] = field(default_factory=list)
    idempotency_keys: dict[str, str] = field(default_factory=dict)
    moves: bool = True  # operations get on when looked at
    answers: list[Response] = field(default_factory=list)  # said instead of working, one a request
    delay_seconds: float = 0.0
    agent_url: str = "http://127.0.0.1:8410"
    url: str = ""  # set when it listens

    def key(self, environment_id: str, access: str) -> str:
        return f"vakka_{'ro' if access == 'read_only' else 'rw'}_secret-of-{environment_id[:8]}-{access}"

    def add(self, team: str, name: str, state: str = "running") -> dict[str, Any]:
        """An environment that is there already."""
        environment: dict[str, Any] = {
            "id": str(uuid4()),
            "name": name,
            "state": state,
            "url": self.agent_url if state in {"running", "deleting"} else None,
            "created_at": now(),
            "current_operation_id": None,
            "team": team,
        }
        self.environments[environment["id"]] = environment
        return environment

    def begin(self, environment: dict[str, Any], kind: str) -> dict[str, Any]:
        operation: dict[str, Any] = {
            "id": str(uuid4()),
            "environment_id": environment["id"],
            "kind": kind,
            "state": "running",
            "percent": 0,
            "step": STEPS[kind][0][0],
            "steps": [
                {"name": name, "label": label, "state": "waiting", "started_at": None, "finished_at": None}
                for name, label in STEPS[kind]
            ],
            "started_at": now(),
            "finished_at": None,
            "error": None,
            "team": environment["team"],
        }
        operation["steps"][0].update(state="running", started_at=now())
        self.operations[operation["id"]] = operation
        environment.update(current_operation_id=operation["id"], state="creating" if kind == "create" else "deleting")
        return operation

    def fail(self, environment: dict[str, Any], message: str, state: str = "reverted") -> None:
        """End the current operation badly, or have it overdue (needs_attention), in which case it is tried on."""
        operation = self.operations[environment["current_operation_id"]]
        operation.update(state=state, error={"code": "instance_not_ready", "message": message})
        if state == "reverted":
            operation.update(finished_at=now())
            environment.update(state="failed", current_operation_id=None)

    def move(self, operation: dict[str, Any]) -> None:
        """One step further."""
        if operation["state"] not in {"running", "needs_attention"}:
            return
        steps = operation["steps"]
        done = sum(step["state"] == "done" for step in steps)
        steps[done].update(state="done", finished_at=now())
        operation["percent"] = 100 * (done + 1) // len(steps)
        if done + 1 < len(steps):
            steps[done + 1].update(state="running", started_at=now())
            return
        operation.update(state="done", finished_at=now(), step=None)
        environment = self.environments[operation["environment_id"]]
        environment["current_operation_id"] = None
        if operation["kind"] == "delete":
            del self.environments[environment["id"]]
        else:
            environment.update(state="running", url=self.agent_url)

    def app(self) -> Flask:
        """The HTTP side."""
        return _app(self)


def error(status: int, code: str, message: str, **headers: str) -> Response:
    body = {"error": {"code": code, "type": "x", "message": message, "param": None, "docs": f"/docs/errors#{code}"}}
    response = Response(response=json.dumps(body), status=status, mimetype="application/json")
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return response


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "team"}


def _app(plane: FakeControlPlane) -> Flask:  # noqa: PLR0915  (one route after another)
    app = Flask("fake_control_plane")
    registry = JWTClaimsRegistry(
        iss={"essential": True, "value": "mission_control"},
        aud={"essential": True, "value": "api"},
        sub={"essential": True},
        act={"essential": True},
        exp={"essential": True},
        jti={"essential": True},
    )

    @app.before_request
    def check() -> Response | None:
        time.sleep(plane.delay_seconds)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            claims = jwt.decode(token, OctKey.import_key(plane.secret), algorithms=["HS256"]).claims
            registry.validate(claims)
        except (JoseError, ValueError):
            return error(401, "token_invalid", "The service token is not valid here.")
        plane.claims.append(claims)
        plane.requests.append((request.method, request.path, claims["sub"]))
        return plane.answers.pop(0) if plane.answers else None

    def team() -> str:
        return str(plane.claims[-1]["sub"])

    def find(environment_id: str) -> dict[str, Any] | None:
        found = plane.environments.get(environment_id)
        return found if found and found["team"] == team() else None

    missing = "There is no such environment. Check its id; it may have been deleted."

    @app.get("/v1/environments")
    def index() -> Response:
        mine = [_shown(row) for row in plane.environments.values() if row["team"] == team()]
        return jsonify({"environments": mine[::-1]})

    @app.post("/v1/environments")
    def create() -> tuple[Response, int] | Response:
        name, key = request.get_json()["name"], request.headers.get("Idempotency-Key", str(uuid4()))
        if key in plane.idempotency_keys:
            environment = plane.environments[plane.idempotency_keys[key]]
            if environment["name"] != name:
                return error(422, "idempotency_key_reused", "Used with another body.")
            operation = plane.operations[environment["current_operation_id"]]
            return jsonify({"environment": _shown(environment), "operation": _shown(operation)}), 202
        if any(row["name"] == name and row["team"] == team() for row in plane.environments.values()):
            return error(409, "name_taken", "The team has an environment of this name already. Choose another name.")
        if "\u200b" in name:
            return error(422, "name_invalid", "The name has invisible characters. Use letters, digits and spaces.")
        environment = plane.add(team(), name, "creating")
        operation = plane.begin(environment, "create")
        plane.idempotency_keys[key] = environment["id"]
        return jsonify({"environment": _shown(environment), "operation": _shown(operation)}), 202

    @app.get("/v1/environments/<environment_id>")
    def show(environment_id: str) -> Response:
        found = find(environment_id)
        return jsonify({"environment": _shown(found)}) if found else error(404, "environment_not_found", missing)

    @app.delete("/v1/environments/<environment_id>")
    def delete(environment_id: str) -> tuple[Response, int] | Response:
        found = find(environment_id)
        if not found:
            return error(404, "environment_not_found", missing)
        operation = plane.operations.get(found["current_operation_id"] or "")
        if operation is None or operation["kind"] != "delete":
            operation = plane.begin(found, "delete")
        return jsonify({"environment": _shown(found), "operation": _shown(operation)}), 202

    @app.get("/v1/environments/<environment_id>/operations")
    def operations(environment_id: str) -> Response:
        if not find(environment_id):
            return error(404, "environment_not_found", missing)
        rows = [_shown(row) for row in plane.operations.values() if row["environment_id"] == environment_id]
        return jsonify({"operations": rows[::-1]})

    @app.get("/v1/operations/<operation_id>")
    def operation(operation_id: str) -> Response:
        found = plane.operations.get(operation_id)
        if not found or found["team"] != team():
            return error(404, "operation_not_found", "There is no such operation.")
        answer = jsonify({"operation": _shown(found)})
        if plane.moves:
            plane.move(found)
        return answer

    @app.get("/v1/environments/<environment_id>/keys")
    def keys(environment_id: str) -> Response:
        if not find(environment_id):
            return error(404, "environment_not_found", missing)
        rows = [
            {"access": access, "prefix": f"vakka_{prefix}_", "created_at": now()}
            for access, prefix in (("read_only", "ro"), ("read_write", "rw"))
        ]
        return jsonify({"keys": rows})

    @app.post("/v1/environments/<environment_id>/keys/reveal")
    def reveal(environment_id: str) -> Response:
        if not find(environment_id):
            return error(404, "environment_not_found", missing)
        access = request.get_json()["access"]
        return jsonify({"access": access, "key": plane.key(environment_id, access)})

    return app
