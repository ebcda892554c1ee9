"""Scores of hits: a number for every hit at once, NaN where it is missing."""
