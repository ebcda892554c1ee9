"""docs/conformance.md, written from the table of cases: `make docs` writes it, a test holds it to the table."""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.cases import CASES, UNREPRODUCIBLE, Case

HEAD = """# Conformance

Written from `tests/conformance/cases.py` by `make docs`. Recorded requests of the reference service are asked again
over the published rows of its grocery demo, and each comparison below is a test: what agrees must agree, and what
differs must differ. The rows and the recordings aren't part of this project; where they aren't beside it, the tests are
skipped and say so.

The published rows are of another day than the recorded database. They have texts where that has arrays (the tests make
arrays of them), no `cost`, and no table of impressions: what was bought in each context follows from the baskets, what
else was shown is put in by a rule. So counts over impressions agree only where they count purchases. Probabilities are
no promise of the wire format: they are held to stated tolerances, which say how far ours are from the recorded ones,
not which are better. Where the rows of a recording aren't published, what can be shown is: that its numbers follow from
its counts by our arithmetic, or that another question of the same kind is answered with the same names.

| Recording | Compared | Result | Why |
|---|---|---|---|"""

NOT_ASKED = """
## Not asked again

| Recording | Why |
|---|---|"""


def conformance_page() -> str:
    """docs/conformance.md."""
    missing = [f"| `{one.name}` | {one.why} |" for one in UNREPRODUCIBLE]
    return "\n".join([HEAD, *_rows(CASES), NOT_ASKED, *missing, ""])


def _rows(cases: Iterable[Case]) -> Iterable[str]:
    for case in cases:
        for number, check in enumerate(case.checks):
            name = f"`{case.name}`" if number == 0 else ""
            yield f"| {name} | {check.what} | {check.result} | {check.why or ''} |"
