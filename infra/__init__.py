"""What the three services run on."""
