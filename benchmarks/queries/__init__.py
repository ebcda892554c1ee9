"""Queries beside peers: predictions, relations, searches; in process, with evicted caches, and over HTTP.

`python -m benchmarks.queries` writes docs/benchmarks-queries.md.
"""
