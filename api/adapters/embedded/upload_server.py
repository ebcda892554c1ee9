"""The entry of the upload server: `gunicorn api.adapters.embedded.upload_server:app`. It needs no database."""

from __future__ import annotations

from api import log
from api.adapters.clock import SystemClock
from api.adapters.embedded.layout import Layout
from api.adapters.embedded.upload_app import UploadApp
from api.adapters.embedded.upload_store import FileUploads
from api.adapters.embedded.upload_urls import UrlSigner
from api.settings import UploadSettings


def create_upload_app(settings: UploadSettings) -> UploadApp:
    """The application for these settings."""
    return UploadApp(
        FileUploads(Layout(settings.data_dir)),
        UrlSigner(settings.master_secret),
        SystemClock(),
        max_bytes=settings.upload_max_bytes,
        window_seconds=settings.upload_window_seconds,
    )


def __getattr__(name: str) -> UploadApp:
    """`app` is made when a server asks for it, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    settings = UploadSettings()
    log.configure(settings.log_level)
    return create_upload_app(settings)
