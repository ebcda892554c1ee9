"""The entry for gunicorn: `gunicorn api.wsgi:app`. Settings -> adapters -> application."""

from __future__ import annotations

from apiflask import APIFlask

from api import log
from api.adapters.wiring import embedded_ports
from api.app import create_app
from api.settings import Settings


def __getattr__(name: str) -> APIFlask:
    """`app` is made when a server asks for it, in the process that serves it."""
    if name != "app":
        raise AttributeError(name)
    settings = Settings()
    log.configure(settings.log_level)
    return create_app(embedded_ports(settings), settings)
