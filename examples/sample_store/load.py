"""Fill an environment with the sample store, over HTTP, as any program could."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from examples.sample_store.files import to_ndjson_gz
from examples.sample_store.generate import SampleStore, sample_store
from examples.sample_store.schema import Row, Table

BATCH_ROWS = 1000
UPLOADED_AS_FILE = frozenset({"impressions"})
REQUEST_SECONDS = 60
UPLOAD_SECONDS = 300
POLL_SECONDS = 0.2

Progress = Callable[[str], None]


class LoadFailed(Exception):
    """The sample store isn't there, or not all of it; what happened and what to do. Names no key and no signed URL."""


def load_sample_store(url: str, key: str, progress: Progress, store: SampleStore | None = None) -> None:
    """Have every table of the sample store, with all its rows, in the environment at `url`.

    url: the environment's, without /api. key: its read-write key. progress: told one line per table.
    Complete tables are left as they are, also when rows were added to them; a half-loaded one is put anew. Other tables
    are never touched. Raises LoadFailed.
    """
    store = store or sample_store()
    with requests.Session() as session:
        environment = _Environment(url.rstrip("/") + "/api/v1", key, session)
        existing = environment.tables()
        if not existing:
            environment.put_schema(store)
            existing = store.schema["schema"]
        for name, rows in store.tables.items():
            _have_table(environment, name, rows, store.schema["schema"][name], existing.get(name), progress)


def _have_table(
    environment: _Environment, name: str, rows: list[Row], wanted: Table, existing: Table | None, progress: Progress
) -> None:
    if existing is None:
        environment.put_table(name, wanted)
    elif _shape(existing) != _shape(wanted):
        raise LoadFailed(
            f"there is a table {name} already, with other columns than the sample store's: "
            f"rename or delete it (DELETE /api/v1/schema/{name}), or use another environment"
        )
    else:
        count = environment.count(name)
        if count >= len(rows):
            progress(f"{name}: {count:,} rows are there")
            return
        if count:
            environment.put_table(name, wanted)
    if name in UPLOADED_AS_FILE:
        environment.upload(name, rows)
    else:
        environment.insert(name, rows)
    count = environment.count(name)
    if count != len(rows):
        raise LoadFailed(f"the table {name} has {count:,} rows after loading, not {len(rows):,}: load it again")
    progress(f"{name}: {count:,} rows loaded")


def _shape(table: Table) -> dict[str, tuple[str, str | None]]:
    return {name: (column["type"], column.get("link")) for name, column in table["columns"].items()}


class _Environment:
    """The calls that loading needs."""

    def __init__(self, base: str, key: str, session: requests.Session) -> None:
        self._base = base
        self._session = session
        self._headers = {"x-api-key": key}

    def tables(self) -> dict[str, Table]:
        found: dict[str, Table] = self._call("GET", "/schema")["schema"]
        return found

    def put_schema(self, store: SampleStore) -> None:
        self._call("PUT", "/schema", store.schema)

    def put_table(self, name: str, table: Table) -> None:
        self._call("PUT", f"/schema/{name}", table)

    def count(self, name: str) -> int:
        return int(self._call("POST", "/_query", {"from": name, "limit": 0})["total"])

    def insert(self, name: str, rows: list[Row]) -> None:
        for start in range(0, len(rows), BATCH_ROWS):
            self._call("POST", f"/data/{name}/batch", rows[start : start + BATCH_ROWS])

    def upload(self, name: str, rows: list[Row]) -> None:
        """Send the rows as one file, and wait until all of them are in the table."""
        upload = self._call("POST", f"/data/{name}/file")
        sent = self._send(upload["method"], upload["url"], data=to_ndjson_gz(rows), timeout=UPLOAD_SECONDS)
        if not sent.ok:
            raise LoadFailed(f"the file of {name} was refused with status {sent.status_code}: load it again")
        self._call("POST", f"/data/{name}/file/{upload['id']}")
        deadline = time.monotonic() + UPLOAD_SECONDS
        while not (answer := self._call("GET", f"/data/{name}/file/{upload['id']}"))["status"]["finished"]:
            if time.monotonic() > deadline:
                raise LoadFailed(f"the file of {name} was not read within {UPLOAD_SECONDS} s: load it again later")
            time.sleep(POLL_SECONDS)
        if answer["errors"]["message"] != "Last 0 failing rows":
            raise LoadFailed(f"rows of {name} were refused: {answer['errors']['message']}")

    def _call(self, method: str, path: str, body: object = None) -> Any:
        response = self._send(
            method, self._base + path, json=body, headers=self._headers, timeout=REQUEST_SECONDS, what=path
        )
        if response.status_code in {401, 403}:
            raise LoadFailed("the key was refused: the read-write key of this environment is needed")
        try:
            answer = response.json()
        except requests.JSONDecodeError:
            answer = None
        if not response.ok or answer is None:
            message = answer.get("message") if isinstance(answer, dict) else None
            raise LoadFailed(f"{method} {path} answered {response.status_code}: {message or 'no reason was given'}")
        return answer

    def _send(self, method: str, url: str, *, what: str = "the upload", **options: Any) -> requests.Response:
        try:
            return self._session.request(method, url, allow_redirects=False, **options)
        except requests.RequestException as error:
            # The library's own text holds the whole URL, and with it the signature of an upload.
            raise LoadFailed(f"{what} could not be reached ({type(error).__name__}): is the environment up?") from None
