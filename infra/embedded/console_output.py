"""What `vakka up` tells the person who started it: steps with their time, then where to go.

Printing never fails: when nobody reads any more (`vakka up | head -1`, a closed terminal) we ask ourselves to stop, as
a closed terminal would, and the rest is printed into the void.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from infra.embedded.errors import StopRequested

WIDTH = 46


def say(text: str = "", *, color: str | None = None, end: str = "\n") -> None:
    """Print a line at once, also into a pipe."""
    _print(text + end, color=color, to_stderr=False)


def warn(text: str) -> None:
    """Print a line that somebody should read."""
    _print(text + "\n", color="yellow", to_stderr=True)


def fail(text: str) -> None:
    """Print why we stop."""
    _print(text + "\n", color="red", to_stderr=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title, do the block, print how long it took."""
    say(f"  {title} ".ljust(WIDTH, "."), end="")
    began = time.monotonic()
    try:
        yield
    except StopRequested:
        say(" stopped")
        raise
    except BaseException:
        say(" failed", color="red")
        raise
    say(f" {time.monotonic() - began:.1f} s", color="green")


def _print(text: str, *, color: str | None, to_stderr: bool) -> None:
    stream = sys.stderr if to_stderr else sys.stdout
    try:
        click.secho(text, fg=color, nl=False, err=to_stderr)
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        os.kill(os.getpid(), signal.SIGHUP)
