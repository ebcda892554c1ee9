"""Sample data made by a seeded generator, and runnable examples."""
