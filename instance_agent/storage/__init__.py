"""Bytes on disk: the commit log, the writer's lock, files that appear whole or not at all."""
