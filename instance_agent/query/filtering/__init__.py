"""Which rows a proposition holds for."""
