"""The application: settings -> parts -> Flask."""

from __future__ import annotations

from pathlib import Path

from flask import Flask

from instance_agent import hooks, log
from instance_agent.auth import CachedKeys, KeyCheck, OpenAccess, OwnKeys
from instance_agent.context import EXTENSION, Agent
from instance_agent.control_plane import ControlPlane
from instance_agent.engine.database import Database
from instance_agent.limits import LARGEST_BODY_BYTES
from instance_agent.routes import internal, service
from instance_agent.routes.v1 import data, files, jobs, queries, schema
from instance_agent.settings import Settings
from instance_agent.uploads.gateway import DirectedUploads, UploadGateway
from instance_agent.uploads.own import OwnUploads
from instance_agent.uploads.service import Uploads
from instance_agent.uploads.states import UploadStates

BLUEPRINTS = (
    service.blueprint,
    internal.blueprint,
    schema.blueprint,
    files.blueprint,
    data.blueprint,
    queries.blueprint,
    jobs.blueprint,
)


def create_app(settings: Settings) -> Flask:
    """The agent over `settings.data_dir`, which exists. One per process; any number of processes.

    Raises CannotServe when it must not or can't start.
    """
    settings.check()
    log.configure(settings.logs_dir)
    database = Database.open(settings.data_dir)
    keys, gateway = _outside(settings)
    uploads = Uploads(database, gateway, UploadStates(_uploads_folder(settings)), settings.logs_dir)
    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = Agent(settings, database, keys, uploads)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    hooks.install(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    uploads.go_on_with_unfinished()
    jobs.install(app)
    return app


def _outside(settings: Settings) -> tuple[KeyCheck, UploadGateway]:
    """Keys and uploads: the control plane's, or our own."""
    if settings.control_plane_url and settings.environment_id and settings.service_secret_file and settings.uploads_dir:
        plane = ControlPlane(settings.control_plane_url, settings.environment_id, settings.service_secret_file)
        keys: KeyCheck = OpenAccess() if settings.disable_auth else CachedKeys(plane)
        return keys, DirectedUploads(plane, settings.uploads_dir)
    secret_path = settings.data_dir / "upload_secret"
    own = OwnUploads(_uploads_folder(settings), secret_path, max_bytes=settings.upload_max_bytes)
    own.sweep()
    if settings.disable_auth:
        return OpenAccess(), own
    read_only, read_write = settings.read_only_key, settings.read_write_key
    return (
        OwnKeys(
            read_only=read_only.get_secret_value() if read_only else None,
            read_write=read_write.get_secret_value() if read_write else None,
        ),
        own,
    )


def _uploads_folder(settings: Settings) -> Path:
    folder = settings.data_dir / "uploads"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
