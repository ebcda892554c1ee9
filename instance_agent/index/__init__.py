"""Every column is an index: dictionaries of values and features, and the rows that have them."""
