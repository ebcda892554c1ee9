"""The embedded identity provider as gunicorn starts it: one worker process with threads.

Codes and attempts are counted in memory, so a second process would know half of them.
"""

from __future__ import annotations

import logging
import sys

import structlog

from mission_control.identity.provider import create_provider
from mission_control.identity.provider_settings import ProviderSettings

settings = ProviderSettings()
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(),
    ],
    wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level.upper()]),
    logger_factory=structlog.PrintLoggerFactory(sys.stderr),
)
app = create_provider(settings)
