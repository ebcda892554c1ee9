"""The console's fixtures, for tests of its parts."""

from tests.pages.conftest import anna, app, control_plane, parts, provider, settings, visitor

__all__ = ["anna", "app", "control_plane", "parts", "provider", "settings", "visitor"]
