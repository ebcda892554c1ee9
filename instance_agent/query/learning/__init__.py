"""What can be learned from rows: targets, evidence, counts, and probabilities put together from them."""
