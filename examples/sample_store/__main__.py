"""`python -m examples.sample_store --out DIR`: write the sample store into files."""

from __future__ import annotations

import argparse
from pathlib import Path

from examples.sample_store.files import write_files
from examples.sample_store.generate import sample_store


def main(arguments: list[str] | None = None) -> None:
    """Parse the command line, write the files, and say how many rows each table has."""
    parser = argparse.ArgumentParser(prog="python -m examples.sample_store", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write into")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other rows (default 1)")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the usual rows (default 1)")
    options = parser.parse_args(arguments)
    if not options.scale > 0:
        parser.error("--scale must be above 0")
    store = sample_store(options.seed, options.scale)
    write_files(store, options.out)
    for table, rows in store.tables.items():
        print(f"{table}: {len(rows)} rows")


if __name__ == "__main__":
    main()
