"""The page about a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date

from benchmarks.accuracy.data_set import Half
from benchmarks.accuracy.measures import Measured, mean, standard_error
from benchmarks.accuracy.run import CALIBRATED, METHODS, OURS, QUICK, Plan, SetResult

HEAD = """\
# Accuracy

Written by `python -m benchmarks.accuracy`; edit `benchmarks/accuracy/report.py`, not this page.

How good the probabilities of `_predict` are, beside scikit-learn. Every set is split at random several times; each
method learns from one part and is asked about the other, and all get the same rows. Ours are asked in the query
language, in process, one by one.

Half of the sets were looked at while methods and constants were chosen (*development*); the others only judge.
"""
QUICKLY = """\
**These are no measurements**: the harness was tried on a few rows.
"""
READING = """\
## How to read it

- *Log-loss*: the mean of -ln of the probability that the true class was given. Lower is better; a guess by the base
  rates of ten equal classes has 2.3.
- *Calibration error*: how far "70 % sure" is from being right 7 times in 10; the mean over ten bins of the highest
  probability, weighted by their rows. True probabilities of a few hundred rows still show 0.02 to 0.04.
- ± is the standard error of the mean over the splits.
- Peers are what a practitioner would take: logistic regression (one-hot, scaled numbers, tf-idf; the penalty chosen on
  a held-out part), random forest (300 trees), gradient boosting (histograms, text in 50 dimensions; not asked where
  there are more than 12 classes). *Calibrated* ones learn from four fifths and get a temperature from the rest.
- Milliseconds are for one prediction, one row at a time, with all that a query or a `predict_proba` does; for ours the
  median after the first, which fits the weights of the blend and is shown by itself. Other work may have run on the
  machine.
- Where a set has many rows, it is shown again with 200 rows to learn from.
- Rows whose class isn't among those learned from are left out: no method can be right about them.

"""

Value = Callable[[Measured], float]


def page(results: list[SetResult], plan: Plan, versions: Mapping[str, str], day: date) -> str:
    """docs/accuracy.md."""
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    parts = [
        HEAD,
        *([QUICKLY] if plan == QUICK else []),
        f"{day.isoformat()}, {plan.splits} splits. {named}.\n",
        READING,
    ]
    for half in (Half.JUDGING, Half.DEVELOPMENT):
        of_half = [result for result in results if result.data_set.half is half]
        for title, some in (("", _whole(of_half)), (f" with {plan.few_rows} rows", _few(of_half))):
            if some:
                parts.append(f"## {half.value.capitalize()}{title}\n\n{_summary(some)}\n{_losses(some)}")
    parts.append(f"## The sets\n\n{_sets(_whole(results))}")
    return "\n".join(parts)


def terminal(results: list[SetResult]) -> str:
    """The means of each half."""
    lines = []
    for half in Half:
        some = _whole([result for result in results if result.data_set.half is half])
        lines.append(f"{half.value}\n{_summary(some)}" if some else "")
    return "\n".join(lines)


def _whole(results: Iterable[SetResult]) -> list[SetResult]:
    largest: dict[str, SetResult] = {}
    for result in results:
        known = largest.get(result.data_set.name)
        if known is None or known.rows < result.rows:
            largest[result.data_set.name] = result
    return list(largest.values())


def _few(results: list[SetResult]) -> list[SetResult]:
    whole = {id(result) for result in _whole(results)}
    return [result for result in results if id(result) not in whole]


def _summary(results: list[SetResult]) -> str:
    """The means over the sets, each method on the sets that all methods could learn, and ours and the others on all."""
    common = [result for result in results if all(method in result.measured for method in METHODS)]
    text = ""
    for title, some in (("all sets", results), ("sets of at most 12 classes", common)):
        if not some or (title != "all sets" and len(common) == len(results)):
            continue
        rows = [["mean over " + f"{len(some)} {title}", "accuracy %", "log-loss", "calibration error", "ms"]]
        for method in METHODS:
            if all(method in result.measured for result in some):
                rows.append([method, *(_mean(some, method, value, form) for value, form in _COLUMNS)])
        text += _markdown(rows) + "\n"
    return text


_COLUMNS: tuple[tuple[Value, str], ...] = (
    (lambda one: 100 * one.accuracy, ".1f"),
    (lambda one: one.log_loss, ".3f"),
    (lambda one: one.calibration_error, ".3f"),
    (lambda one: one.milliseconds, ".2f"),
)


def _mean(results: list[SetResult], method: str, value: Value, form: str) -> str:
    return format(mean([mean([value(one) for one in result.measured[method]]) for result in results]), form)


def _losses(results: list[SetResult]) -> str:
    shown = [OURS, *(method for method in METHODS if method.endswith(CALIBRATED))]
    rows = [["log-loss", *(method.removesuffix(CALIBRATED) for method in shown), "accuracy %, ours", "first ms"]]
    for result in results:
        losses = {method: [one.log_loss for one in result.measured.get(method, [])] for method in shown}
        best = min(mean(values) for values in losses.values() if values)
        cells = [_loss(losses[method], best) for method in shown]
        accuracy = 100 * mean([one.accuracy for one in result.measured[OURS]])
        rows.append([result.data_set.name, *cells, f"{accuracy:.1f}", f"{mean(result.first_milliseconds):.0f}"])
    return "Peers calibrated; the lowest is bold.\n\n" + _markdown(rows)


def _loss(values: list[float], best: float) -> str:
    if not values:
        return "-"
    text = f"{mean(values):.3f} ± {standard_error(values):.3f}"
    return f"**{text}**" if mean(values) == best else text


def _sets(results: list[SetResult]) -> str:
    rows = [["set", "what is predicted", "half", "rows learned from", "columns", "classes"]]
    for result in results:
        one = result.data_set
        numbers = (result.rows, len(one.types), result.classes)
        rows.append([one.name, one.about, one.half.value, *(f"{number:,}" for number in numbers)])
    return _markdown(rows)


def _markdown(table: list[list[str]]) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in table]
    return "".join([lines[0], "|---" * len(table[0]) + "|\n", *lines[1:]])
