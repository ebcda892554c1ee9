"""A whole run: the files, then phase after phase, in each all engines one after the other."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.storage.engines import KINDS, OURS, OURS_HTTP, Kind
from benchmarks.storage.invoices import Invoices, Questions, RawFile, questions, write_file
from benchmarks.storage.plan import Outcome, Phase, Plan, Task, merged

ROOT = Path(__file__).resolve().parents[2]
CODE_CHANGED = "The database's code changed during the run: the figures are of no single version."
NO_QUESTIONS = Questions([], [], [], [])


@dataclass
class SizeResult:
    """What was found for one number of rows."""

    file: RawFile
    plan: Plan
    outcomes: dict[str, Outcome] = field(default_factory=dict)  # by engine
    problems: list[str] = field(default_factory=list)  # sentences


@dataclass
class RunResult:
    """What was found in one run."""

    sizes: list[SizeResult] = field(default_factory=list)
    idle: Outcome = field(default_factory=Outcome)
    left_out: dict[str, str] = field(default_factory=dict)  # engine's title -> why
    code_changed: bool = False  # while it ran

    @property
    def problems(self) -> list[str]:
        changed = [CODE_CHANGED] if self.code_changed else []
        return [*changed, *(problem for size in self.sizes for problem in size.problems)]


@dataclass(frozen=True)
class Run:
    """What is to be measured, and where there is room for it."""

    kinds: Sequence[Kind]
    plan: Plan
    folder: Path  # empty
    say: Callable[[str], None]

    def carry_out(self, sizes: Sequence[int]) -> RunResult:
        """Everything, for each number of rows. An engine that fails is left out from there on, and named."""
        result, code = RunResult(), code_digest(ROOT / "instance_agent")
        if OURS_HTTP in {kind.name for kind in self.kinds}:
            self.say("idle agent")
            idle = Task(OURS_HTTP, Phase.IDLE, str(self.folder / "idle"), "", 0, NO_QUESTIONS, self.plan)
            result.idle = self._carried_out(idle)
        for rows in sizes:
            result.sizes.append(self._size(rows))
        result.code_changed = code_digest(ROOT / "instance_agent") != code
        return result

    def _size(self, rows: int) -> SizeResult:
        invoices = Invoices()
        folder = self.folder / str(rows)
        folder.mkdir()
        path = folder / "invoices.ndjson.gz"
        self.say(f"{rows} rows: writing the file")
        size = SizeResult(write_file(invoices, rows, path), self.plan)
        asked = questions(invoices, rows, self.plan.questions, self.plan.deletes)
        failed: set[str] = set()
        for phase in (Phase.LOAD, Phase.OPEN, Phase.QUERY, Phase.WRITE):
            for kind in self.kinds:
                if kind.name in failed:
                    continue
                self.say(f"{rows} rows: {phase.value}, {kind.title}")
                task = Task(kind.name, phase, str(folder / kind.name), str(path), rows, asked, self.plan)
                if not self._added(size, task):
                    failed.add(kind.name)
        if OURS in {kind.name for kind in self.kinds}:
            self.say(f"{rows} rows: write amplification")
            stream = str(folder / "stream")
            self._added(size, Task(OURS, Phase.AMPLIFICATION, stream, "", rows, NO_QUESTIONS, self.plan))
        size.problems += disagreements(size)
        return size

    def _added(self, size: SizeResult, task: Task) -> bool:
        """Carry the task out, several times for openings; False, with a problem noted, when it fails."""
        known = [size.outcomes[task.engine]] if task.engine in size.outcomes else []
        times = task.plan.openings if task.phase is Phase.OPEN else 1
        try:
            size.outcomes[task.engine] = merged([*known, *(self._carried_out(task) for _ in range(times))])
        except RuntimeError as error:
            size.problems.append(f"{KINDS[task.engine].title}, {size.file.rows} rows, {task.phase.value}: {error}")
            return False
        return True

    def _carried_out(self, task: Task) -> Outcome:
        """Raises RuntimeError with the last line of what the process complained about."""
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.storage.phases"],
            input=msgspec.json.encode(task),
            capture_output=True,
            cwd=ROOT,
            check=False,
        )
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise RuntimeError(said[-1] if said else f"ended with status {done.returncode}")
        return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=Outcome)


def code_digest(folder: Path) -> str:
    """The same for the same modules with the same text."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def disagreements(size: SizeResult) -> list[str]:
    """One sentence for each engine and kind of question that was answered otherwise than by the first engine."""
    first: dict[str, tuple[str, list[int]]] = {}
    problems = []
    for engine, outcome in size.outcomes.items():
        for question, answers in outcome.answers.items():
            known_engine, known = first.setdefault(question, (engine, answers))
            if answers != known:
                problems.append(
                    f"{KINDS[engine].title} and {KINDS[known_engine].title} answer '{question}' differently "
                    f"with {size.file.rows} rows."
                )
        if (found := outcome.answers.get("rows")) and found != [size.file.rows]:
            problems.append(f"{KINDS[engine].title} has {found[0]} of {size.file.rows} rows.")
    return problems
