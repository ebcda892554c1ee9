"""Version 1 of the published API, below /api/v1."""
