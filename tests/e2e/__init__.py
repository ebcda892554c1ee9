"""The whole product, started and used as a user does."""
