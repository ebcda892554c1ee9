"""Lazy Bayesian inference: counts in, probabilities and reasons out. Nothing here reads, writes or remembers."""
