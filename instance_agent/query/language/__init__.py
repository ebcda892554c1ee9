"""What a query can say: the tree of values, and the grammar that makes it from JSON."""
