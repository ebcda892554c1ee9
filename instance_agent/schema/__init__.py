"""What tables look like: types, columns, links, analyzers' definitions, and what a row must obey."""
