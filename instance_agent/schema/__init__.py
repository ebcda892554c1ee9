"""What tables look like: types, columns, links, how texts become tokens, and what a row must obey."""
