"""Writers, readers and maintenance in several processes at once: every answer is that of one commit."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from instance_agent.engine.check import check
from instance_agent.engine.database import Database
from instance_agent.engine.maintenance import Maintenance, merge_policy, optimize
from instance_agent.engine.tables import ReadView
from instance_agent.engine.transaction import Transaction
from instance_agent.schema.parse import parse_table
from instance_agent.schema.types import JsonValue
from tests.crash.model import assert_indexes_right
from tests.crash.test_killed_processes import in_child

SECONDS = 6.0
ACCOUNTS = 40
TOTAL = 4_000
ACCOUNT: JsonValue = {"columns": {"id": {"type": "Int"}, "balance": {"type": "Int"}, "memo": {"type": "Text"}}}
TRANSFER: JsonValue = {"columns": {"payer": {"type": "Int"}, "payee": {"type": "Int"}, "amount": {"type": "Int"}}}


@pytest.fixture(autouse=True)
def small_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flushes and merges all the time."""
    monkeypatch.setattr(merge_policy, "FLUSH_ROWS", 20)
    monkeypatch.setattr(merge_policy, "SMALL_ROWS", 20)


def transfer_for_ever(data_dir: Path, seed: int) -> None:
    """Move money between two accounts by update, or by deleting and inserting them; the sum never changes."""
    database = Database.open(data_dir)
    chance = np.random.default_rng(seed)
    while True:
        payer, payee = (int(one) for one in chance.choice(ACCOUNTS, 2, replace=False))
        amount, in_place = int(chance.integers(1, 10)), bool(chance.integers(2))
        database.transact(lambda t, a=payer, b=payee, m=amount, u=in_place: transfer(t, a, b, m, in_place=u))  # type: ignore[misc]


def transfer(transaction: Transaction, payer: int, payee: int, amount: int, *, in_place: bool) -> None:
    for account, change in ((payer, -amount), (payee, amount)):
        view = transaction.view.table("accounts")
        rows = view.column("id").rows_equal(account)
        assert len(rows) == 1
        balance = int(str(view.row(int(rows[0]))["balance"])) + change
        if in_place:
            transaction.update("accounts", rows, {"balance": balance, "memo": f"has {balance} now"})
        else:
            transaction.delete("accounts", rows)
            transaction.insert("accounts", [{"id": account, "balance": balance, "memo": f"has {balance} now"}])
    transaction.insert("transfers", [{"payer": payer, "payee": payee, "amount": amount}])


def maintain_for_ever(data_dir: Path) -> None:
    database = Database.open(data_dir)
    upkeep = Maintenance(database, grace_seconds=0)
    while True:
        upkeep.run_once(time.time())


def optimize_for_ever(data_dir: Path) -> None:
    """Rewrites the parts that maintenance rewrites, at the same time."""
    database = Database.open(data_dir)
    while True:
        optimize(database, "accounts")
        optimize(database, "transfers")


def read_for_ever(data_dir: Path) -> None:
    """Ends, with a status other than a signal's, when an answer isn't that of one commit."""
    database = Database.open(data_dir)
    last = 0
    while True:
        view = database.read_view()
        assert view.commit_number >= last
        last = view.commit_number
        assert_consistent(view)


def assert_consistent(view: ReadView) -> None:
    accounts, transfers = view.table("accounts"), view.table("transfers")
    balances, ids = accounts.column("balance").numbers, accounts.column("id").numbers
    there = ~np.isnan(ids)
    assert accounts.live_count == ACCOUNTS == int(there.sum())
    assert sorted(ids[there].tolist()) == list(range(ACCOUNTS))
    assert int(balances[there].sum()) == TOTAL
    expected = np.full(ACCOUNTS, TOTAL // ACCOUNTS)
    amounts = transfers.column("amount").numbers
    np.subtract.at(expected, transfers.column("payer").numbers.astype(int), amounts.astype(int))
    np.add.at(expected, transfers.column("payee").numbers.astype(int), amounts.astype(int))
    np.testing.assert_array_equal(balances[there][np.argsort(ids[there])], expected)
    assert len(accounts.column("memo").rows_with("has")) > 0 or transfers.row_count == 0


def test_every_answer_is_that_of_one_commit(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    database.put_table("accounts", parse_table("accounts", ACCOUNT))
    database.put_table("transfers", parse_table("transfers", TRANSFER))
    rows: list[JsonValue] = [{"id": n, "balance": TOTAL // ACCOUNTS, "memo": "begins"} for n in range(ACCOUNTS)]
    database.insert_rows("accounts", rows)
    works = [
        *(lambda _, seed=seed: transfer_for_ever(tmp_path, seed) for seed in (1, 2)),
        *(lambda _: read_for_ever(tmp_path) for _ in range(2)),
        lambda _: maintain_for_ever(tmp_path),
        lambda _: optimize_for_ever(tmp_path),
    ]
    children = [in_child(work) for work in works]
    time.sleep(SECONDS)
    for process, pipe in children:
        os.kill(process, signal.SIGKILL)
        os.close(pipe)
    ended = [os.waitpid(process, 0)[1] for process, _ in children]
    assert ended == [signal.SIGKILL] * len(children), "nobody had ended by itself, with an error"
    view = Database.open(tmp_path).read_view()
    assert_consistent(view)
    assert_consistent(database.read_view())
    assert view.table("transfers").live_count > 50
    assert_indexes_right(view)
    assert check(tmp_path).problems == []
