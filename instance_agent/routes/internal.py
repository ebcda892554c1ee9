"""What the control plane asks of the database: pause writes for a snapshot, let them in again, say how it is."""

from __future__ import annotations

from flask import Blueprint, Response

from instance_agent.context import agent
from instance_agent.errors import AgentError
from instance_agent.http import json_answer, json_body

LARGEST_EPOCH = 2**63 - 1

blueprint = Blueprint("internal", __name__, url_prefix="/internal")


@blueprint.post("/pause")
def pause() -> Response:
    """Refuse writes from now on, also after a restart; when answered, everything before is on the disk."""
    epoch = _epoch()
    return json_answer({"commit": agent().database.pause(epoch), "epoch": epoch})


@blueprint.post("/resume")
def resume() -> Response:
    """Let writes in again."""
    epoch = _epoch()
    agent().database.resume(epoch)
    return json_answer({"epoch": epoch})


@blueprint.get("/state")
def state() -> Response:
    """The last commit, who may write, and what the data takes on the disk."""
    database = agent().database
    use, pause = database.disk_use(), database.paused
    return json_answer(
        {
            "commit": database.read_view().commit_number,
            "paused": pause.paused,
            "epoch": pause.epoch,
            "storage": {
                "data_bytes": use.data_bytes,
                "index_bytes": use.index_bytes,
                "log_bytes": use.log_bytes,
                "awaiting_purge_bytes": use.awaiting_purge_bytes,
            },
        }
    )


def _epoch() -> int:
    """The epoch that the body names. Raises AgentError request_invalid."""
    sent = json_body()
    epoch = sent.get("epoch") if isinstance(sent, dict) and sent.keys() == {"epoch"} else None
    if not isinstance(epoch, int) or isinstance(epoch, bool) or not 0 <= epoch <= LARGEST_EPOCH:
        raise AgentError("request_invalid", 'The body has the form {"epoch": n}, n a whole number from 0 up.')
    return epoch
