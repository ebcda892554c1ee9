"""The storage engine beside tantivy, DuckDB and SQLite FTS5: `python -m benchmarks.storage`, or `make benchmark`.

Each engine is loaded, opened, asked and written to in processes of its own, phase by phase, so that a process's memory
is that of one engine, and all engines meet the same hour of the machine. They must give equal answers to equal
questions, or the run fails: a fast wrong answer is no measurement.
"""
