"""The storage benchmark runs to its end, compares answers, and says what it found."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from benchmarks.storage.amplification import CountingDirectory
from benchmarks.storage.engines import KINDS, OURS, OURS_HTTP
from benchmarks.storage.goals import GOALS
from benchmarks.storage.invoices import VENDORS, WORDS, Invoices, RawFile, questions, word, write_file
from benchmarks.storage.plan import QUICK, Outcome, Phase, Task, merged
from benchmarks.storage.run import CODE_CHANGED, Run, RunResult, SizeResult, code_digest, disagreements
from benchmarks.storage.statistics import median, p99, percentile
from benchmarks.storage.tables import amplification, comparison, goals, judged

ROOT = Path(__file__).resolve().parents[3]
ROWS = 500


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a quick run over ours and SQLite wrote."""
    folder = tmp_path_factory.mktemp("benchmark")
    written = folder / "benchmarks.md"
    options = ["--rows", str(ROWS), "--quick", "--only", "vakka,sqlite"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.storage", *options, "--page", str(written), "--folder", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Written to {written}" in done.stdout
    assert list(folder.iterdir()) == [written]  # the databases are gone
    return written.read_text()


def cells(page: str, title: str) -> list[str]:
    """The cells behind the first one of the row with this title."""
    (line,) = [line for line in page.splitlines() if line.startswith(f"| {title}")]
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_a_run_measures_everything_for_every_engine(page: str) -> None:
    assert "no measurements" in page
    assert cells(page, "p50 / p99") == ["Vakka in process", "Vakka over HTTP", "SQLite FTS5"]
    for title in (
        "count where",
        "ten rows where",
        "any ten rows",
        "gl_code = x",
        "insert one row, durable, ms",
        "insert 1,000 rows, durable, ms",
        "the first count after",
        "delete where",
        "disk, bytes per row",
    ):
        assert "-" not in cells(page, title), title
    assert cells(page, "the ten best rows")[:2] == ["-", "-"]
    assert cells(page, "memory that the answering process grew by")[0] != "-"
    assert cells(page, "memory of the whole agent")[1] != "-"


def test_a_run_shows_the_goals_and_how_far_they_were_missed(page: str) -> None:
    assert "not measured" not in page
    for goal in GOALS:
        limit, measured, missed_by = cells(page, f"{goal.what} |")
        assert limit and measured != "-"
        assert missed_by == "-" or missed_by.endswith(" times")


def test_the_page_names_no_folder(page: str) -> None:
    assert "/tmp" not in page  # noqa: S108 - this is what must not be there
    assert str(ROOT) not in page
    assert str(Path.home()) not in page


def test_the_same_rows_come_from_any_range() -> None:
    whole = list(Invoices().rows(0, 6_000))
    assert list(Invoices().rows(4_990, 20)) == whole[4_990:5_010]
    assert list(Invoices().rows(5_000, 0)) == []
    assert list(Invoices(seed=1).rows(0, 10)) != whole[:10]


def test_invoices_are_shaped_as_they_are_told() -> None:
    rows = list(Invoices().rows(0, 20_000))
    assert len({row["id"] for row in rows}) == len(rows)
    by_vendor = Counter(str(row["vendor"]) for row in rows)
    (_, first), (_, second) = by_vendor.most_common(2)
    assert 1.6 < first / second < 2.4  # Zipf
    assert {len(str(row["description"]).split()) for row in rows} == set(range(3, 13))
    assert 0.25 < sum("note" in row for row in rows) / len(rows) < 0.35
    assert len({word(number) for number in range(WORDS)}) == WORDS
    assert len(by_vendor) <= VENDORS
    (often, _), *_ = by_vendor.most_common(1)
    accounts = Counter(row["gl_code"] for row in rows if row["vendor"] == often)
    assert accounts.most_common(1)[0][1] > 0.7 * by_vendor[often]


def test_the_file_holds_the_rows_and_its_size_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.gz"
    told = write_file(Invoices(), 30, path)
    raw = gzip.decompress(path.read_bytes())
    assert [json.loads(line) for line in raw.splitlines()] == list(Invoices().rows(0, 30))
    assert told == RawFile(30, len(raw), path.stat().st_size)


def test_questions_have_answers() -> None:
    asked = questions(Invoices(), 200, count=20, doomed=5)
    rows = list(Invoices().rows(0, 200))
    assert set(asked.vendors) | set(asked.doomed_vendors) <= {row["vendor"] for row in rows}
    assert set(asked.words) <= {word for row in rows for word in str(row["description"]).split()}
    assert len(set(asked.doomed_vendors)) == 5


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(100, 0, -1)]
    assert (median(values), p99(values), percentile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert (median([3.0]), p99([3.0, 1.0])) == (3.0, 3.0)
    with pytest.raises(ValueError, match="nothing"):
        median([])


def a_size(**outcomes: Outcome) -> SizeResult:
    return SizeResult(RawFile(1_000_000, 200_000_000, 40_000_000), QUICK, dict(outcomes))


def test_a_ratio_is_how_many_times_the_peer_takes() -> None:
    size = a_size(
        vakka=Outcome(seconds={"count": [0.002]}),
        vakka_http=Outcome(seconds={"load": [4.0]}),
        sqlite=Outcome(seconds={"count": [0.006], "load": [8.0]}),
    )
    table = {row[0]: row[1:] for row in comparison(size)}
    assert table["count where vendor = x, ms"] == ["2.00 / 2.00", "-", "6.00 / 6.00 (x 3.0)"]
    assert table["ingest of the gzip file, rows/s"] == ["-", "250,000", "125,000 (x 2.0)"]


def test_writes_to_a_disk_that_was_slower_meanwhile_are_not_compared() -> None:
    size = a_size(
        vakka=Outcome(seconds={"delete": [0.002], "sync": [0.0010]}),
        sqlite=Outcome(seconds={"delete": [0.006], "sync": [0.0015]}),
        duckdb=Outcome(seconds={"delete": [0.006], "sync": [0.0040]}),
    )
    table = {row[0]: row[1:] for row in comparison(size)}
    assert table["delete where vendor = x, durable, ms"] == [
        "2.00 / 2.00",
        "6.00 / 6.00 (the disk differed)",
        "6.00 / 6.00 (x 3.0)",
    ]


def test_a_goal_tells_by_how_much_it_was_missed() -> None:
    size = a_size(
        vakka=Outcome(seconds={"delete": [0.004], "insert_one": [0.001]}, facts={"grown_bytes": 300_000_000}),
        vakka_http=Outcome(seconds={"load": [8.0]}),
    )
    table = {row[0]: row[1:] for row in goals(RunResult([size]))}
    assert table["delete by condition, durable, median"] == ["≤ 1 ms", "4 ms", "4.0 times"]
    assert table["insert one row, durable, median"] == ["≤ 1 ms", "1 ms", "-"]
    assert table["ingest of gzip ndjson"] == ["≥ 250,000 rows/s", "125,000 rows/s", "2.0 times"]
    assert table["resident memory per million rows and process"] == ["≤ 150 MB", "300 MB", "2.0 times"]
    assert table["open to first answer"] == ["≤ 50 ms", "-", "not measured"]
    assert len(amplification([size])) == 1


def test_engines_that_answer_differently_are_named() -> None:
    def answers(**found: list[int]) -> Outcome:
        return Outcome(answers=found)

    agreeing = a_size(vakka=answers(count=[1, 2], rows=[1_000_000]), sqlite=answers(count=[1, 2]))
    assert disagreements(agreeing) == []
    wrong = a_size(vakka=answers(count=[1, 2]), sqlite=answers(count=[1, 3], rows=[999_999]))
    about_count, about_rows = disagreements(wrong)
    assert "SQLite" in about_count and "'count'" in about_count
    assert "999999 of 1000000" in about_rows


def test_an_engine_that_fails_is_named_and_left_out_of_later_phases(tmp_path: Path) -> None:
    said: list[str] = []
    run = Run([KINDS[OURS]], QUICK, tmp_path, said.append)  # without the agent nothing has loaded its data
    result = run.carry_out([20])
    assert any("Vakka in process, 20 rows, load" in problem for problem in result.problems)
    assert not any("query" in line for line in said)


def test_repetitions_of_a_phase_are_put_together() -> None:
    first = Outcome(seconds={"open": [1.0]}, facts={"bytes": 1}, answers={"first": [1]})
    second = Outcome(seconds={"open": [2.0]}, facts={"bytes": 2}, answers={"first": [1]})
    whole = merged([first, second])
    assert (whole.seconds, whole.facts, whole.answers) == ({"open": [1.0, 2.0]}, {"bytes": 2}, {"first": [1]})
    assert first.seconds == {"open": [1.0]}


def test_bytes_are_counted_by_what_they_are_written_for(tmp_path: Path) -> None:
    directory = CountingDirectory(tmp_path)
    directory.make_folder("segments")
    contents: list[tuple[str, bytes]] = [("segments/a.seg", b"12345"), ("commit.log", b"123")]
    for name, content in contents:
        descriptor = directory.create(name)
        directory.write(descriptor, content, 0)
        directory.close(descriptor)
    again = directory.open("segments/a.seg")
    directory.write(again, b"67", 5)
    directory.close(again)
    assert (directory.written.segments, directory.written.others) == (7, 3)


@pytest.mark.parametrize("arguments", [["--rows", "0"], ["--rows", "many"], ["--only", "nobody"]])
def test_a_command_line_that_makes_no_sense_is_refused(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.storage", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "error: argument" in done.stderr


@pytest.mark.parametrize("name", [kind.name for kind in KINDS.values() if not kind.name.startswith(OURS)])
def test_a_peer_answers_as_the_rows_say(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    if kind.missing():
        pytest.skip(f"{kind.needs} isn't installed: it comes with the extra 'benchmark'")
    rows = list(Invoices().rows(0, 300))
    path = tmp_path / "rows.gz"
    write_file(Invoices(), 300, path)
    folder = tmp_path / "database"
    folder.mkdir()
    engine = kind.make(folder)
    engine.load(path)
    engine.open()
    vendor, some_word, gl_code = str(rows[7]["vendor"]), str(rows[7]["description"]).split()[0], str(rows[7]["gl_code"])

    def number(condition: Callable[[dict[str, object]], bool]) -> int:
        return sum(condition(dict(row)) for row in rows)

    assert engine.row_count() == 300
    assert engine.count(vendor) == engine.find(vendor) == number(lambda row: row["vendor"] == vendor)
    assert engine.search(some_word) == number(lambda row: some_word in str(row["description"]).split())
    assert engine.order(gl_code) == number(lambda row: row["gl_code"] == gl_code)
    engine.delete(vendor)
    engine.insert(list(Invoices().rows(300, 1)))
    engine.insert(list(Invoices().rows(301, 50)))
    rows = [row for row in rows if row["vendor"] != vendor] + list(Invoices().rows(300, 51))
    assert engine.row_count() == len(rows)
    assert engine.count(vendor) == number(lambda row: row["vendor"] == vendor)
    assert engine.search(some_word) == number(lambda row: some_word in str(row["description"]).split())
    engine.close()


def test_a_task_survives_its_way_to_another_process() -> None:
    task = Task(OURS_HTTP, Phase.OPEN, "folder", "file", 5, questions(Invoices(), 10, 2, 1), QUICK)
    assert msgspec.json.decode(msgspec.json.encode(task), type=Task) == task


def test_a_run_over_changing_code_is_no_measurement(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text("1")
    before = code_digest(tmp_path)
    assert code_digest(tmp_path) == before
    module.write_text("2")
    assert code_digest(tmp_path) != before
    assert RunResult(code_changed=True).problems == [CODE_CHANGED]
    assert RunResult().problems == []


def test_goals_are_held_against_a_million_rows() -> None:
    def rows(*counts: int) -> RunResult:
        return RunResult([SizeResult(RawFile(count, 1, 1), QUICK) for count in counts])

    assert judged(rows(10_000, 1_000_000, 10_000_000)).file.rows == 1_000_000
    assert judged(rows(10_000, 100_000)).file.rows == 100_000
    assert judged(rows(10_000_000)).file.rows == 10_000_000
