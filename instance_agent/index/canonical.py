"""One text for equal JSON values: what arrays and Json values are ordered and found by.

Equality is that of `growing.key_of`: 1 equals 1.0, true is neither, the order of an object's keys doesn't matter.
So keys are sorted by code point, and numbers have one spelling: a whole number that 64 bits hold is written with
its digits also where it came as a double (`1.0`, `1e3`, `-0.0` are `1`, `1000`, `0`); any other double is the shortest
text that reads back as the same double; a larger integer is written as the double that it exactly is, or else, being
no double, with all its digits.
"""

from __future__ import annotations

import msgspec

from instance_agent.schema.types import JsonValue

_encode = msgspec.json.Encoder().encode
_WHOLE = 2.0**63


def canonical_text(value: JsonValue) -> bytes:
    """The canonical JSON of a value, UTF-8. Equal values have equal texts, different ones different texts."""
    if isinstance(value, bool) or value is None:
        return _encode(value)
    if isinstance(value, str):
        return encoded_string(value)
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical_text, value)) + b"]"
    named = (encoded_string(name) + b":" + canonical_text(value[name]) for name in sorted(value))
    return b"{" + b",".join(named) + b"}"


def encoded_string(text: str) -> bytes:
    """A JSON string, escaped as msgspec escapes."""
    return _encode(text)


def _number(value: int | float) -> bytes:
    if -_WHOLE <= value < _WHOLE:
        return str(int(value)).encode() if value == int(value) else _encode(value)
    if isinstance(value, float):
        return _encode(value)
    try:
        nearest = float(value)
    except OverflowError:
        return str(value).encode()
    return _encode(nearest) if nearest == value else str(value).encode()
