"""Query endpoints."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("v1_queries", __name__, url_prefix="/api/v1")
