"""The sample store: an invented shop for the home and the outdoors, with what it sells, to whom, and what it pays for.

Nothing in it was taken from anybody: products, vendors and towns are made up, people are numbers.
"""

from examples.sample_store.generate import SampleStore, sample_store

__all__ = ["SampleStore", "sample_store"]
