"""`vakka agent`: the database of one environment from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import click

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def agent() -> None:
    """The database of one environment."""


@agent.command()
@click.option("--data", "data_dir", type=FOLDER, required=True, help="Folder of the database, made when missing.")
@click.option("--logs", "logs_dir", type=FOLDER, required=True, help="Folder of the log files, made when missing.")
@click.option("--port", type=click.IntRange(1, 65535), default=8410, show_default=True, help="Port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Number of processes.")
def serve(data_dir: Path, logs_dir: Path, port: int, host: str, workers: int) -> None:
    """Serve the database in --data over HTTP.

    Keys come from the environment: READ_WRITE_APIKEY, and APIKEY for one that may only read.
    """
    from pydantic import ValidationError

    from instance_agent.errors import CannotServe
    from instance_agent.server import serve as run
    from instance_agent.settings import Settings

    try:
        run(Settings(data_dir=data_dir.absolute(), logs_dir=logs_dir.absolute(), port=port, host=host, workers=workers))
    except ValidationError as error:
        wrong = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
        click.echo(f"A setting in the environment isn't valid: {wrong}. See docs/settings.md.", err=True)
        sys.exit(1)
    except CannotServe as error:
        click.echo(str(error), err=True)
        sys.exit(1)


@agent.command()
@click.option("--data", "data_dir", type=FOLDER, required=True, help="Folder of the database.")
def check(data_dir: Path) -> None:
    """Prove that the database in --data is whole, and say what it takes on the disk.

    Changes nothing, and may run while the database is served. Ends with status 1 when something is wrong.
    """
    from instance_agent.engine.check import check as look

    try:
        report = look(data_dir.absolute())
    except FileNotFoundError:
        click.echo(f"There is no database in {data_dir}.", err=True)
        sys.exit(1)
    except OSError as error:
        click.echo(f"The data directory {data_dir} can't be used: {error.strerror}.", err=True)
        sys.exit(1)
    for table, rows in report.tables.items():
        click.echo(f"table {table}: {rows} rows")
    if report.disk_use is not None:
        use = report.disk_use
        click.echo(f"segments: {report.segments}")
        click.echo(f"data: {use.data_bytes} bytes")
        click.echo(f"index: {use.index_bytes} bytes")
        click.echo(f"log: {use.log_bytes} bytes")
        click.echo(f"awaiting purge: {use.awaiting_purge_bytes} bytes")
    for problem in report.problems:
        click.echo(problem, err=True)
    if report.problems:
        sys.exit(1)
    click.echo("Everything checks out.")
