"""The console's tables and the way to them."""
