"""The ports on one machine: processes, directories, derived keys. A product, not a mock."""
