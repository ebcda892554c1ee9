"""What `vakka up` tells the person who started it: steps with their time, then where to go."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

WIDTH = 46


def say(text: str = "") -> None:
    """Print a line at once, also into a pipe."""
    click.echo(text)
    sys.stdout.flush()


def warn(text: str) -> None:
    """Print a line that somebody should read."""
    click.secho(text, fg="yellow", err=True)


def fail(text: str) -> None:
    """Print why we stop."""
    click.secho(text, fg="red", err=True)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print the title, do the block, print how long it took."""
    click.echo(f"  {title} ".ljust(WIDTH, "."), nl=False)
    sys.stdout.flush()
    began = time.monotonic()
    try:
        yield
    except BaseException:
        click.secho(" failed", fg="red")
        raise
    click.secho(f" {time.monotonic() - began:.1f} s", fg="green")
    sys.stdout.flush()
