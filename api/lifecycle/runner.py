"""Advances an operation by its runbook: the one place that runs steps.

Per step: read the rows -> has somebody ended the operation (a delete)? -> note the step as begun -> run it -> note it
as completed, or nap, or turn round. A crash between any two of these is mended by running `advance` again.
"""

from __future__ import annotations

import random as random_numbers
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

import psycopg

from api import log
from api.domain.backoff import back_off
from api.domain.models import Environment, Failure, Operation
from api.errors import ERRORS
from api.lifecycle.journal import Journal, take_lease
from api.lifecycle.outcomes import Abort, Done, Hop, Nap, StepOutcome
from api.lifecycle.runbook import Runbook, Step
from api.lifecycle.runbooks import RUNBOOKS
from api.lifecycle.work import Work
from api.ports import Denied, Ports, ProviderError
from api.store.database import Connection

LEASE_PAUSE_SECONDS = 0.3
BACK_OFF_CAP_SECONDS = 30.0

logger = log.get_logger("lifecycle")


def no_failpoint(_place: str) -> None:
    """Outside tests nothing happens between the lines."""


@dataclass(frozen=True)
class Runner:
    """What it takes to advance operations; many threads may share one."""

    connect: Callable[[], Connection]
    ports: Ports
    random: Callable[[], float] = random_numbers.random
    failpoint: Callable[[str], None] = no_failpoint  # called with before:STEP, effect:STEP and after:STEP
    stopping: Callable[[], bool] = lambda: False  # asked between steps: give the operation back?

    def advance(self, operation_id: UUID) -> Done | Nap:
        """Run steps until the operation has ended or must wait; never waits itself.

        Raises psycopg.OperationalError when the database goes away; then the lease is gone too.
        """
        with self.connect() as connection:
            journal = Journal(connection, operation_id)
            operation, environment = journal.read()
            if not operation.is_live:
                return Done()
            if not take_lease(connection, environment.id):
                return Nap(LEASE_PAUSE_SECONDS)
            while True:
                outcome = self._advance_once(journal)
                if outcome is not None:
                    return outcome
                if self.stopping():
                    return Nap(0)

    def _advance_once(self, journal: Journal) -> Done | Nap | None:
        """One step at most; None when there may be more to do at once."""
        operation, environment = journal.read()
        if not operation.is_live:
            return Done()
        runbook = RUNBOOKS[operation.kind]
        step = runbook.pending(operation)
        if step is None:
            self._finish(runbook, Work(environment, operation, self.ports, journal.connection))
            return Done()
        if operation.step != step.name:
            journal.start(step, self.ports.clock.now())
            logger.info("step_started", operation_id=str(operation.id), step=step.name)
            operation, environment = journal.read()
            if not operation.is_live:
                return Done()
        if self._is_overdue(operation, step):
            self._meet_deadline(journal, runbook, step, operation, environment)
            if runbook.can_give_up(operation):
                return None
        outcome = self._run(step, Work(environment, operation, self.ports, journal.connection), journal)
        return self._settle(outcome, journal, runbook, step, operation, environment)

    def _run(self, step: Step, work: Work, journal: Journal) -> StepOutcome:
        """The step's outcome; a failure becomes a nap, or an end when trying again is of no use."""
        self.failpoint(f"before:{step.name}")
        try:
            return step.run(work)
        except psycopg.Error:
            raise
        except Denied:
            logger.warning("step_refused", operation_id=str(work.operation.id), step=step.name, exc_info=True)
            return Abort(Failure("provider_refused", ERRORS["provider_refused"].message))
        except ProviderError as error:
            logger.warning(
                "step_failed", operation_id=str(work.operation.id), step=step.name, reason=type(error).__name__
            )
        except Exception:
            logger.error("step_crashed", operation_id=str(work.operation.id), step=step.name, exc_info=True)
        journal.count_failure()
        return self._back_off(work.operation)

    def _settle(
        self,
        outcome: StepOutcome,
        journal: Journal,
        runbook: Runbook,
        step: Step,
        operation: Operation,
        environment: Environment,
    ) -> Nap | None:
        if isinstance(outcome, Hop):
            self.failpoint(f"effect:{step.name}")
            journal.complete(step, self.ports.clock.now())
            logger.info("step_completed", operation_id=str(operation.id), step=step.name)
            self.failpoint(f"after:{step.name}")
            return None
        if isinstance(outcome, Nap):
            return outcome
        if runbook.can_give_up(operation):
            self._give_up(journal, step, outcome.failure, environment)
            return None
        journal.count_failure()
        return self._back_off(operation)

    def _meet_deadline(
        self, journal: Journal, runbook: Runbook, step: Step, operation: Operation, environment: Environment
    ) -> None:
        if runbook.can_give_up(operation):
            failure = Failure("step_took_too_long", ERRORS["step_took_too_long"].message)
            self._give_up(journal, step, failure, environment)
        elif journal.ask_for_attention(Failure("clean_up_delayed", ERRORS["clean_up_delayed"].message)):
            logger.error("operation_needs_attention", operation_id=str(operation.id), step=step.name)

    def _give_up(self, journal: Journal, step: Step, failure: Failure, environment: Environment) -> None:
        logger.error("operation_failing", operation_id=str(journal.operation_id), step=step.name, code=failure.code)
        journal.fail(step, failure, environment, self.ports.clock.now())

    def _is_overdue(self, operation: Operation, step: Step) -> bool:
        if operation.step_started_at is None:
            return False
        return (self.ports.clock.now() - operation.step_started_at).total_seconds() > step.deadline_seconds

    def _back_off(self, operation: Operation) -> Nap:
        return Nap(back_off(operation.step_failures + 1, cap_seconds=BACK_OFF_CAP_SECONDS, random=self.random))

    @staticmethod
    def _finish(runbook: Runbook, work: Work) -> None:
        if work.operation.is_reverting:
            runbook.finish_undo(work)
        else:
            runbook.finish(work)
        logger.info("operation_ended", operation_id=str(work.operation.id), reverted=work.operation.is_reverting)
