"""What people did: one row per change, appended in the same transaction."""
