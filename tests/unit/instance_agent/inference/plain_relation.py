"""The arithmetic of a relation once more, for one pair, as its description puts it."""

from __future__ import annotations

import math


def plain_relation(n: int, c: int, f: int, both: int) -> dict[str, float]:
    """All numbers of one relation. n: rows, c: with the condition, f: with the feature."""
    p, pc = (f + 1) / (n + 2), (c + 1) / (n + 2)
    q = [(1 - pc) * (1 - p), pc * (1 - p), (1 - pc) * p, pc * p]
    states = [n - c - f + both, c - both, f - both, both]
    shares = [count / n if n else 0.0 for count in states]
    distance = sum((share - expected) ** 2 for share, expected in zip(shares, q, strict=True))
    spread = sum(share * (1 - share) for share in shares)
    scale = n * (3 * n + 2) / (3 * (n - 1) * (n + 2)) if n > 1 else 1.0
    added = max(4 * scale, min(scale * spread / distance, n) if distance else float(n))
    joint = [(count + added * expected) / (n + added) for count, expected in zip(states, q, strict=True)]
    on = (both + added * pc * p) / (c + added * pc)
    having, lacking = on * math.log2(on / p), (1 - on) * math.log2((1 - on) / (1 - p))
    return {
        "lift": on / p,
        "ps.p": p,
        "ps.pOnCondition": on,
        "ps.pOnNotCondition": (f - both + added * (1 - pc) * p) / (n - c + added * (1 - pc)),
        "ps.pCondition": (c + added * pc) / (n + added),
        "info.h": -p * math.log2(p) - (1 - p) * math.log2(1 - p),
        "info.mi": having + lacking,
        "info.miTrue": having,
        "info.miFalse": lacking,
        "relation.mi": sum(told * math.log2(told / expected) for told, expected in zip(joint, q, strict=True)),
    }
