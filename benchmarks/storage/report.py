"""The page about a run, and the tables on the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from benchmarks.storage.engines import KINDS, OURS
from benchmarks.storage.machine import Machine
from benchmarks.storage.plan import BATCH_ROWS, QUICK
from benchmarks.storage.run import RunResult
from benchmarks.storage.tables import ORDER, Table, amplification, comparison, goals, judged, milliseconds

HEAD = """\
# Benchmarks

Written by `make benchmark` (`python -m benchmarks.storage`); edit `benchmarks/storage/report.py`, not this page.

The storage engine beside others: the same made-up invoices, the same questions, one run, engine after engine in each
phase. Answers are compared, and a run in which two engines disagree fails.

**How far to trust this.** The machine is shared: other work may have run on it at the same time, and nothing was pinned
to a core. Figures move from run to run, small ones and the p99 most. What counts is the order of magnitude, and ratios
within one run.
"""
QUICKLY = """\
**These are no measurements**: the harness was tried with few repetitions.
"""
READING = """\
## How to read it

- `p50 / p99` are the median and the 99th percentile in milliseconds; of fewer than 100 repetitions the p99 is the
  largest. In brackets: peer / ours, where 1 is a tie and above 1 the peer takes that much more time or space (for
  ingest the ratio is of times, too). Peers are called in process, so they are compared with our calls in process, but
  for ingest, which we only do over HTTP.
- Repetitions: {repetitions}.
- Ingest starts with a gzip file of JSON lines on the disk and ends when every row can be asked for and is durable. Ours
  includes sending the file over HTTP to the agent and waiting for the upload to say that it is finished. Merging goes
  on behind that with us and with tantivy, and is not in the time; disk is measured after it, in a closed database.
- Disk doesn't hold the uploaded file itself, which an agent that stands alone keeps for a week.
- *Open to first answer* is a fresh process, its libraries imported, from opening the database to ten rows of one vendor
  and their number. Files are in the page cache, as everywhere here: all figures are warm.
- Questions are drawn from the rows, so common vendors and words are asked for more often. All answers hold an exact
  number of rows, and whole rows where rows are asked for.
- Full text: *any ten rows* is the same work for all. Ours orders by likeness in the other benchmark, so the ten best
  are shown here for peers alone. DuckDB has no full-text index that follows writes: it scans.
- Writes are timed until they are durable and seen by the next question. *The first count after* shows what an engine
  leaves for the reader to do; ours indexes a new batch when it is first asked about.
- A shared disk is sometimes ten times slower for a while. So a bare sync is measured before and after each engine's
  writes, and where it took twice as long as beside ours, or half, no ratio is given: *the disk differed*.
- Memory is what the process grew by from before it opened the database to after its last answer: resident, so mapped
  files count as far as they are in memory. The agent's is the proportional set size of all its processes, of which each
  loaded what it answered from.
- In process, ours runs without maintenance beside it; over HTTP with it.
"""
AMPLIFICATION = """\
## Write amplification

A stream of batches of {batch_rows:,} rows into an empty database, with all upkeep (flush, merge, checkpoint) done after
each batch, which is the dearest order. Counted are all bytes that the database hands to the system for its log and its
segments, for each byte of the rows as JSON. What the file system adds is not in it.
"""


def page(run: RunResult, machine: Machine, versions: Mapping[str, str], day: date) -> str:
    """docs/benchmarks.md."""
    quick = [QUICKLY] if run.sizes[0].plan == QUICK else []
    parts = [HEAD, *quick, _machine(machine, versions, day), _settings(run), _reading(run)]
    for size in run.sizes:
        raw = size.file.raw_bytes
        parts.append(
            f"## {size.file.rows:,} rows\n\n{raw / 1e6:,.1f} MB of JSON lines, {raw / size.file.rows:.0f} bytes a row, "
            f"{size.file.gzip_bytes / 1e6:,.1f} MB as gzip.\n\n{markdown(comparison(size))}"
        )
    if len(written := amplification(run.sizes)) > 1:
        parts.append(f"{AMPLIFICATION.format(batch_rows=BATCH_ROWS)}\n{markdown(written)}")
    if any(OURS in size.outcomes for size in run.sizes):
        parts.append(_goals(run))
    if run.problems:
        parts.append("## What went wrong\n\n" + "".join(f"- {problem}\n" for problem in run.problems))
    return "\n".join(parts)


def terminal(run: RunResult) -> str:
    """The tables, aligned."""
    parts = [f"{size.file.rows:,} rows\n{aligned(comparison(size))}" for size in run.sizes]
    if len(written := amplification(run.sizes)) > 1:
        parts.append(aligned(written))
    if any(OURS in size.outcomes for size in run.sizes):
        parts.append(aligned(goals(run)))
    return "\n\n".join(parts)


def markdown(table: Table) -> str:
    lines = [f"| {' | '.join(row)} |\n" for row in table]
    return "".join([lines[0], "|---" * len(table[0]) + "|\n", *lines[1:]])


def aligned(table: Table) -> str:
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table)


def _machine(machine: Machine, versions: Mapping[str, str], day: date) -> str:
    named = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        "## The machine\n\n"
        f"{day.isoformat()}: {machine.cores} cores of {machine.processor}, "
        f"{machine.memory_bytes / 2**30:.0f} GiB of memory, load {machine.load:.1f} at the start, "
        f"files on {machine.file_system}. Appending 4 KiB to a file and fdatasync takes "
        f"{milliseconds(machine.sync_median_seconds)} ms (p99 {milliseconds(machine.sync_p99_seconds)}).\n\n{named}.\n"
    )


def _settings(run: RunResult) -> str:
    measured = {name for size in run.sizes for name in size.outcomes}
    lines = [f"- **{KINDS[name].title}**: {KINDS[name].setting}\n" for name in ORDER if name in measured]
    left_out = [f"- **{title}** was left out: {reason}\n" for title, reason in run.left_out.items()]
    return "## The engines\n\n" + "".join(lines + left_out)


def _reading(run: RunResult) -> str:
    plan = run.sizes[0].plan
    repetitions = (
        f"{plan.questions} questions of each kind, {plan.rounds} times, after one time that isn't measured;\n"
        f"  {plan.single_inserts} single rows, {plan.deletes} deletes, {plan.batches} batches of "
        f"{BATCH_ROWS:,} rows; {plan.openings} fresh processes"
    )
    return READING.format(repetitions=repetitions)


def _goals(run: RunResult) -> str:
    rows = judged(run).file.rows
    remark = (
        "" if rows == 1_000_000 else " They are goals for 1,000,000 rows, so these figures prove nothing about them."
    )
    return (
        f"## Goals\n\nBeside what was measured with {rows:,} rows, in process where nothing else is said.{remark}\n\n"
        + markdown(goals(run))
        + WHY_MISSED
    )


WHY_MISSED = """

Where goals have been missed so far, and why:

- Full text, and filter and order: the count takes a tenth of it. The rest is Python: parsing the question, and building
  ten whole rows value by value. A query layer that works on segments directly is the next step.
- Ingest: about 8 µs of one core for each row, half of it for numbering words and values in Python's dictionaries, a
  seventh for decoding JSON. Each builder unpacks the whole file by itself, which costs 0.4 µs per row and builder.
- Delete: the condition is evaluated, then the mask of dead rows is copied, a byte for each row of the segment.
- Disk: dictionaries and row numbers aren't compressed; below 100,000 rows the dictionaries dominate.
- The p99: other programs on the machine, and the disk's syncs, which are shown beside the writes.
"""
