"""What is derived from the master secret, so that nothing secret has to be stored per environment."""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from pydantic import SecretStr


def derive(master: SecretStr, purpose: str) -> bytes:
    """32 bytes that only a holder of the master secret can compute, different for every purpose."""
    return hmac.new(master.get_secret_value().encode(), purpose.encode(), hashlib.sha256).digest()


def agent_secret(master: SecretStr, environment_id: UUID) -> SecretStr:
    """What the agent of one environment signs its calls to the control plane with."""
    return SecretStr(derive(master, f"agent-api:{environment_id}").hex())
