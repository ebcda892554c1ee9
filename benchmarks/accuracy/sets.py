"""All sets, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks.accuracy import bundled_sets, invoice_sets, python_sets, ruled_sets
from benchmarks.accuracy.data_set import DataSet

MAKERS: Final[tuple[Callable[[], DataSet], ...]] = (
    bundled_sets.iris,
    bundled_sets.digits,
    ruled_sets.balance_scale,
    ruled_sets.monks_1,
    ruled_sets.led,
    ruled_sets.threenorm,
    ruled_sets.agrawal_2,
    python_sets.module_of_function,
    python_sets.category_of_character,
    invoice_sets.account_of_sample_invoice,
    bundled_sets.wine,
    bundled_sets.breast_cancer,
    bundled_sets.diabetes,
    ruled_sets.tic_tac_toe,
    ruled_sets.monks_2,
    ruled_sets.monks_3,
    ruled_sets.waveform,
    ruled_sets.ringnorm,
    ruled_sets.poker,
    ruled_sets.agrawal_3,
    ruled_sets.agrawal_7,
    python_sets.function_raises,
    python_sets.module_of_docstring,
    python_sets.direction_of_character,
    invoice_sets.approver_of_sample_invoice,
    invoice_sets.purchases,
    invoice_sets.account_of_many_invoices,
)
