"""The `vakka` command. Each subcommand imports only what it runs: a database host needs none of the rest."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import click

PORT = click.IntRange(1, 65535)


class PortRange(click.ParamType[str]):
    """Two ports, "first-last"."""

    name = "first-last"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        first, _, last = value.partition("-")
        if not (first.isdigit() and last.isdigit() and 0 < int(first) <= int(last) < 65536):
            self.fail(f"{value!r} is not a range of ports: write it as 8410-8499", param, ctx)
        return value


class LazyGroup(click.Group):
    """Commands of other packages, imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "agent"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == "agent":
            from instance_agent.cli import agent

            return agent
        return super().get_command(ctx, cmd_name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("vakka"), prog_name="vakka")
def main() -> None:
    """Vakka, a predictive database: search what is known, predict what isn't."""


@main.command()
@click.option("--data", "data_dir", type=click.Path(path_type=Path, file_okay=False), help="Where everything is kept.")
@click.option("--demo", is_flag=True, help="Also create a demo environment with the sample store in it.")
@click.option("--console-port", type=PORT, default=8400, show_default=True, help="Port of Mission Control.")
@click.option("--api-port", type=PORT, default=8401, show_default=True, help="Port of the control plane.")
@click.option("--identity-port", type=PORT, default=8402, show_default=True, help="Port of the identity provider.")
@click.option("--postgres-port", type=PORT, default=8403, show_default=True, help="Port of PostgreSQL.")
@click.option("--uploads-port", type=PORT, default=8404, show_default=True, help="Port that receives uploads.")
@click.option(
    "--environment-ports",
    type=PortRange(),
    default="8410-8499",
    show_default=True,
    help="Ports of the environments, one each.",
)
@click.option(
    "--owner-email", default="owner@vakka.localhost", show_default=True, help="Who signs in first, at the first start."
)
@click.option(
    "--database-url",
    envvar="DATABASE_URL",
    help="A PostgreSQL server to use instead of the embedded one. [env: DATABASE_URL]",
)
def up(  # noqa: PLR0913, PLR0917  one argument per option is how click hands them over
    data_dir: Path | None,
    demo: bool,
    console_port: int,
    api_port: int,
    identity_port: int,
    postgres_port: int,
    uploads_port: int,
    environment_ports: str,
    owner_email: str,
    database_url: str | None,
) -> None:
    """Run the whole service on this machine, reachable from this machine only."""
    from infra.embedded import up as embedded_up
    from infra.embedded.console_output import fail
    from infra.embedded.errors import CannotStart
    from infra.embedded.layout import DataLayout, default_data_dir
    from infra.embedded.ports import Ports

    ports = Ports(
        console=console_port,
        api=api_port,
        identity=identity_port,
        postgres=postgres_port,
        uploads=uploads_port,
        environments=environment_ports,
    )
    options = embedded_up.UpOptions(
        layout=DataLayout((data_dir or default_data_dir()).absolute()),
        ports=ports,
        database_url=database_url or None,
        owner_email=owner_email,
        with_demo=demo,
    )
    try:
        embedded_up.run(options)
    except CannotStart as error:
        fail(str(error))
        sys.exit(1)


if __name__ == "__main__":
    main()
