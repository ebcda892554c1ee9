"""The keys of the embedded provider, made at its first start and kept in its state folder."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from joserfc.jwk import KeySet, KeySetSerialization, RSAKey

from mission_control.identity.provider_files import read_or_create

ALGORITHM = "RS256"
KEY_BITS = 2048


@dataclass(frozen=True)
class ProviderKeys:
    """The key that signs id tokens, and the secret that signs the provider's own cookie."""

    signing: RSAKey = field(repr=False)
    session_secret: bytes = field(repr=False)

    @property
    def public(self) -> KeySetSerialization:
        """The JSON Web Key Set to publish; it holds no private member."""
        return KeySet([self.signing]).as_dict(private=False)

    @property
    def signing_kid(self) -> str:
        """Name of the signing key, the same in the key set and in the tokens' headers."""
        return str(self.signing.kid)


def load_or_create_keys(state_dir: Path) -> ProviderKeys:
    """The keys of `state_dir`; missing ones are made. Existing ones never change."""
    signing = read_or_create(state_dir / "signing_key.json", _new_signing_key)
    session_secret = read_or_create(state_dir / "session_secret", lambda: secrets.token_hex(32).encode())
    return ProviderKeys(RSAKey.import_key(json.loads(signing)), session_secret)


def _new_signing_key() -> bytes:
    key = RSAKey.generate_key(KEY_BITS, {"use": "sig", "alg": ALGORITHM}, auto_kid=True)
    return json.dumps(key.as_dict(private=True)).encode()
