"""A small environment over real HTTP: enough of the database's wire format to be loaded, and nothing more.

The loader's own tests use it to fail at chosen moments; the product's tests load into the real database.
"""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from examples.sample_store.schema import Row, Table

KEY = "vakka_rw_test"
SIGNATURE = "b9f1c6"


@dataclass
class EnvironmentServer:
    """What it holds, what was asked, and how it should misbehave."""

    url: str = ""
    schema: dict[str, Table] = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    fail_at: str = ""  # "METHOD /path" that answers 500
    refuse_uploads: bool = False
    lose_rows: int = 0
    failing_rows: int = 0
    polls_until_finished: int = 2
    upload_url: str = ""

    def app(self) -> Flask:
        """Its routes."""
        app = Flask(__name__)
        app.before_request(self._gate)
        self._add_schema_routes(app)
        self._add_data_routes(app)
        return app

    def _gate(self) -> tuple[Response, int] | None:
        if request.path.startswith("/upload/"):
            assert "x-api-key" not in request.headers
            return None
        if request.headers.get("x-api-key") != KEY:
            return jsonify(message="not authorized"), 403
        if f"{request.method} {request.path}" == self.fail_at:
            return jsonify(message="the disk is full", status=500), 500
        if request.method != "GET" and not request.path.endswith("_query"):
            self.writes.append(f"{request.method} {request.path}")
        return None

    def _add_schema_routes(self, app: Flask) -> None:
        @app.get("/api/v1/schema")
        def get_schema() -> Response:
            return jsonify(schema=self.schema)

        @app.put("/api/v1/schema")
        def put_schema() -> Response:
            self.schema = request.get_json()["schema"]
            self.rows = {name: [] for name in self.schema}
            return jsonify(schema=self.schema)

        @app.put("/api/v1/schema/<name>")
        def put_table(name: str) -> Response:
            self.schema[name] = request.get_json()
            self.rows[name] = []
            return jsonify(self.schema[name])

    def _add_data_routes(self, app: Flask) -> None:
        @app.post("/api/v1/_query")
        def query() -> Response:
            return jsonify(offset=0, total=len(self.rows[request.get_json()["from"]]), hits=[])

        @app.post("/api/v1/data/<name>/batch")
        def batch(name: str) -> Response:
            sent = request.get_json()
            assert 0 < len(sent) <= 1000
            self.rows[name] += sent
            return jsonify(entries=len(sent), status="ok")

        @app.post("/api/v1/data/<name>/file")
        def start(name: str) -> Response:
            upload_id = str(uuid4())
            url = self.upload_url or f"{self.url}/upload/{upload_id}?signature={SIGNATURE}"
            return jsonify(id=upload_id, url=url, method="PUT", expires="2030-01-01T00:00:00Z")

        @app.put("/upload/<upload_id>")
        def receive(upload_id: str) -> tuple[str, int]:
            self.uploads[upload_id] = request.get_data()
            return "", 403 if self.refuse_uploads else 200

        @app.post("/api/v1/data/<name>/file/<upload_id>")
        def trigger(name: str, upload_id: str) -> Response:
            lines = gzip.decompress(self.uploads[upload_id]).splitlines()
            self.rows[name] += [json.loads(line) for line in lines][self.lose_rows :]
            return jsonify(id=upload_id, status="started")

        @app.get("/api/v1/data/<name>/file/<upload_id>")
        def poll(name: str, upload_id: str) -> Response:
            self.polls_until_finished -= 1
            return jsonify(
                status={"finished": self.polls_until_finished <= 0, "completedCount": len(self.rows[name])},
                errors={"message": f"Last {self.failing_rows} failing rows", "rows": []},
            )


@contextmanager
def running() -> Iterator[EnvironmentServer]:
    """An empty environment that answers at its `url`."""
    environment = EnvironmentServer()
    server = make_server("127.0.0.1", 0, environment.app(), threaded=True)
    environment.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield environment
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
