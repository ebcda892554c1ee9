"""The database that serves one environment: rows, an index of every column, queries and probabilities."""

import os

# Small matrices are solved for each prediction: more threads make that slower on a busy machine, and the last digits
# depend on their number. Read when numpy is loaded.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
