"""Job endpoints."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("v1_jobs", __name__, url_prefix="/api/v1/jobs")
