"""The control plane: environments, and what carries them.

Knows instances, volumes, keys, uploads and operations. Knows no row of customer data and no person: a team is
a UUID to it.
"""
