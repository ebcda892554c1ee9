"""Each kind of query, answered: one module of its name."""
