"""Whole files into tables: where a file is put, how it is read in once, and how far that is."""
