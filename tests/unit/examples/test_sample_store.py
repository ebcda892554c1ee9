"""The sample store is the same for everybody, fits its schema, and holds something to learn."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from examples.sample_store import SampleStore, sample_store
from examples.sample_store.__main__ import main
from examples.sample_store.catalogue import AFFINITIES, CATEGORIES
from examples.sample_store.files import to_ndjson
from examples.sample_store.schema import Row

PYTHON_TYPES: dict[str, type] = {"String": str, "Text": str, "Decimal": float, "Int": int, "Boolean": bool}


@pytest.fixture(scope="module")
def store() -> SampleStore:
    return sample_store()


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_whatever_python_hashes(tmp_path: Path) -> None:
    for hash_seed in ("1", "2"):
        command = [sys.executable, "-m", "examples.sample_store", "--out", str(tmp_path / hash_seed)]
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": hash_seed}, check=True, stdout=subprocess.DEVNULL)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_another_seed_gives_other_rows_but_the_same_products(store: SampleStore) -> None:
    other = sample_store(seed=2)
    assert other.tables["products"] == store.tables["products"]
    for table in ("users", "visits", "impressions", "invoices"):
        assert other.tables[table] != store.tables[table]


def test_it_has_the_promised_sizes_and_is_quickly_made() -> None:
    started = time.process_time()
    tables = sample_store().tables
    assert time.process_time() - started < 1
    sizes = {name: len(rows) for name, rows in tables.items()}
    assert sizes == {"products": 60, "users": 100, "visits": 1500, "impressions": 15000, "invoices": 3000}


@pytest.mark.parametrize(("scale", "invoices"), [(0.1, 300), (2.0, 6000), (0.0001, 1)])
def test_scale_multiplies_the_rows(scale: float, invoices: int) -> None:
    tables = sample_store(scale=scale).tables
    assert len(tables["invoices"]) == invoices
    assert len(tables["products"]) == 60
    assert len(tables["impressions"]) == 10 * len(tables["visits"])


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        sample_store(scale=scale)


def test_every_row_fits_its_columns(store: SampleStore) -> None:
    assert list(store.tables) == list(store.schema["schema"])
    for table, rows in store.tables.items():
        columns = store.schema["schema"][table]["columns"]
        needed = {name for name, column in columns.items() if not column.get("nullable", False)}
        for row in rows:
            assert needed <= set(row) <= set(columns)
            assert all(type(value) is PYTHON_TYPES[columns[name]["type"]] for name, value in row.items())


def test_nullable_columns_do_miss_some_values(store: SampleStore) -> None:
    for table, rows in store.tables.items():
        for name, column in store.schema["schema"][table]["columns"].items():
            present = sum(name in row for row in rows) / len(rows)
            assert (0.4 < present < 1) if column.get("nullable", False) else present == 1


def test_links_name_keys_that_come_before_them(store: SampleStore) -> None:
    created: dict[str, set[object]] = {}
    for table, rows in store.tables.items():
        for name, column in store.schema["schema"][table]["columns"].items():
            if "link" in column:
                target, key = column["link"].split(".")
                assert key == "id"
                assert {row[name] for row in rows} <= created[target]
        if "id" in store.schema["schema"][table]["columns"]:
            created[table] = {row["id"] for row in rows}
            assert len(created[table]) == len(rows)
    assert set(created) == {"products", "users", "visits", "invoices"}


def test_days_weeks_and_weekdays_of_visits_agree(store: SampleStore) -> None:
    for visit in store.tables["visits"]:
        day = visit["day"]
        assert isinstance(day, int)
        assert visit["week"] == day // 7
    assert len({visit["weekday"] for visit in store.tables["visits"]}) == 7


def accuracy_of_counting(train: list[Row], test: list[Row], target: str, *given: str) -> float:
    """How often the target's commonest value among training rows with the same values of `given` is right."""
    overall = Counter(row[target] for row in train).most_common(1)[0][0]
    groups: dict[tuple[object, ...], Counter[object]] = {}
    for row in train:
        groups.setdefault(tuple(row.get(name) for name in given), Counter())[row[target]] += 1
    guesses = {key: counts.most_common(1)[0][0] for key, counts in groups.items()}
    return sum(guesses.get(tuple(r.get(n) for n in given), overall) == r[target] for r in test) / len(test)


def halves(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    return rows[::2], rows[1::2]


def test_the_account_follows_from_vendor_and_words(store: SampleStore) -> None:
    train, test = halves([{**row, "first": str(row["description"]).split()[0]} for row in store.tables["invoices"]])
    base = accuracy_of_counting(train, test, "gl_code")
    by_vendor = accuracy_of_counting(train, test, "gl_code", "vendor")
    by_both = accuracy_of_counting(train, test, "gl_code", "vendor", "first")
    assert base < 0.15
    assert by_vendor > 0.7
    assert by_vendor + 0.08 < by_both < 0.99


def test_the_approver_follows_from_account_and_amount(store: SampleStore) -> None:
    def size(row: Row) -> int:
        amount = row["amount"]
        assert isinstance(amount, float)
        return sum(amount >= limit for limit in (3000, 8000))

    signed = [{**row, "size": size(row)} for row in store.tables["invoices"] if "approver" in row]
    train, test = halves(signed)
    by_account = accuracy_of_counting(train, test, "approver", "gl_code")
    by_both = accuracy_of_counting(train, test, "approver", "gl_code", "size")
    assert accuracy_of_counting(train, test, "approver") + 0.2 < by_account < by_both < 1


def purchase_rate(impressions: Iterable[Row]) -> float:
    bought = [row["purchase"] is True for row in impressions]
    assert len(bought) > 100
    return sum(bought) / len(bought)


def words_by_id(rows: list[Row]) -> dict[object, set[str]]:
    return {row["id"]: {*str(row["tags"]).split(), str(row.get("category", ""))} for row in rows}


@pytest.mark.parametrize(
    ("person", "article"), [("parent", "kids"), ("coffee-lover", "coffee"), ("thrifty", "premium"), ("eco", "organic")]
)
def test_what_people_buy_depends_on_who_they_are(store: SampleStore, person: str, article: str) -> None:
    users, products = words_by_id(store.tables["users"]), words_by_id(store.tables["products"])
    shown = [row for row in store.tables["impressions"] if article in products[row["product"]]]
    theirs = purchase_rate(row for row in shown if person in users[row["user"]])
    others = purchase_rate(row for row in shown if person not in users[row["user"]])
    liking = AFFINITIES[person, article]
    assert theirs > 1.5 * others if liking > 0 else others > 1.5 * theirs


def test_purchases_are_neither_rare_nor_common(store: SampleStore) -> None:
    assert 0.05 < purchase_rate(store.tables["impressions"]) < 0.2


def test_garden_things_sell_better_on_saturdays(store: SampleStore) -> None:
    garden = {row["id"] for row in store.tables["products"] if row["category"] == "garden"}
    weekday = {row["id"]: row["weekday"] for row in store.tables["visits"]}
    shown = [row for row in store.tables["impressions"] if row["product"] in garden]
    saturday = purchase_rate(row for row in shown if weekday[row["visit"]] == "Saturday")
    assert saturday > 1.2 * purchase_rate(row for row in shown if weekday[row["visit"]] != "Saturday")


def test_every_category_and_affinity_is_about_something_that_is_there(store: SampleStore) -> None:
    people = set().union(*words_by_id(store.tables["users"]).values())
    articles = set().union(*words_by_id(store.tables["products"]).values())
    assert {person for person, _ in AFFINITIES} <= people
    assert {article for _, article in AFFINITIES} | set(CATEGORIES) <= articles


def test_the_command_writes_every_table_and_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["--out", str(tmp_path / "new" / "folder"), "--seed", "3", "--scale", "0.05"])
    store = sample_store(seed=3, scale=0.05)
    assert json.loads((tmp_path / "new" / "folder" / "schema.json").read_text()) == store.schema
    for table, rows in store.tables.items():
        assert gzip.decompress((tmp_path / "new" / "folder" / f"{table}.ndjson.gz").read_bytes()) == to_ndjson(rows)
    assert "invoices: 150 rows" in capsys.readouterr().out


def test_the_command_refuses_no_scale(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--out", str(tmp_path / "out"), "--scale", "0"])
    assert "--scale must be above 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
