"""The control plane's fixtures."""

from tests.unit.api.fixtures import api_database_url, migrated_template, world

__all__ = ["api_database_url", "migrated_template", "world"]
