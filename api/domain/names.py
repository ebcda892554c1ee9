"""What an environment may be called."""

from __future__ import annotations

import unicodedata

MAX_LENGTH = 64


class NameInvalid(ValueError):
    """The text can't be the name of an environment; the message says why, without repeating it."""


def clean_name(text: str) -> str:
    """The name as it is kept: trimmed, in Unicode's composed form. Raises NameInvalid."""
    name = unicodedata.normalize("NFC", text).strip()
    if not name:
        raise NameInvalid("The name is empty. Give the environment a name of 1 to 64 characters.")
    if len(name) > MAX_LENGTH:
        raise NameInvalid(f"The name has {len(name)} characters. Use at most {MAX_LENGTH}.")
    if any(unicodedata.category(character).startswith(("C", "Zl", "Zp")) for character in name):
        raise NameInvalid("The name has invisible or control characters. Use letters, digits, spaces and signs.")
    return name
