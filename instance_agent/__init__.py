"""The database that serves one environment: rows, an index of every column, queries and probabilities."""
