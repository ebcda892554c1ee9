"""`python -m gunicorn mission_control.wsgi:app`: the console, from its settings."""

from __future__ import annotations

from mission_control import log
from mission_control.app import create_app
from mission_control.settings import Settings

settings = Settings()
log.configure(settings.log_level)
app = create_app(settings)
