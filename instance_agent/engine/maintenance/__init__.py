"""What is done to keep the data small and fast: flush, merge, purge, checkpoint.

Each of them builds aside and ends in one ordinary commit, so it may be killed at any point, and readers and writers go
on meanwhile.
"""

from instance_agent.engine.maintenance.rounds import Maintenance, optimize

__all__ = ["Maintenance", "optimize"]
