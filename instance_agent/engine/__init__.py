"""The database itself: commits, read views, ingest."""
