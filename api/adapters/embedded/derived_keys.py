"""API keys that are computed from the master secret whenever they are needed, and stored nowhere."""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from pydantic import SecretStr

from api.adapters.derivation import derive
from api.domain.keys import PREFIXES, Access
from api.ports import Presence


class DerivedKeys:
    """The key store of one machine. Whether an environment's keys are alive is said by its row alone."""

    def __init__(self, master: SecretStr) -> None:
        self._master = master

    def ensure_keys(self, environment_id: UUID, generation: int) -> None:
        """Nothing to make: the keys follow from the ids."""

    def reveal_key(self, environment_id: UUID, generation: int, access: Access) -> SecretStr:
        """The key: a prefix that shows what it is, and 43 characters."""
        digest = derive(self._master, f"api-key:{environment_id}:{access}:{generation}")
        return SecretStr(PREFIXES[access] + base64.urlsafe_b64encode(digest).rstrip(b"=").decode())

    def check_key(self, environment_id: UUID, generation: int, presented: SecretStr) -> Access | None:
        """What the presented text may do here; both keys are compared, whichever matches."""
        given = presented.get_secret_value().encode()
        matches = [
            access
            for access in Access
            if hmac.compare_digest(
                given, self.reveal_key(environment_id, generation, access).get_secret_value().encode()
            )
        ]
        return matches[0] if matches else None

    def ensure_keys_absent(self, environment_id: UUID) -> Presence:
        """Nothing to remove."""
        del environment_id
        return Presence.GONE
