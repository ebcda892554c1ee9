"""A table, some rows, a search and a prediction with the published Python client (`pip install aitoai`).

    python examples/quickstart.py http://127.0.0.1:8410 YOUR_READ_WRITE_KEY

or with VAKKA_URL and VAKKA_KEY in the environment. Run it as often as you like: the table is made anew each time.
"""

from __future__ import annotations

import argparse
import os

from aito.v1 import AitoClient
from aito.v1 import api as aito

TABLE = "quickstart_invoices"
SCHEMA = {
    "type": "table",
    "columns": {
        "vendor": {"type": "String"},
        "description": {"type": "Text", "analyzer": "english"},
        "amount": {"type": "Decimal"},
        "gl_code": {"type": "String"},
    },
}
INVOICES = [
    ("Northlight Energy", "Electricity and heating for the office", 812.40, "6110"),
    ("Northlight Energy", "Electricity for the warehouse", 1204.10, "6110"),
    ("Northlight Energy", "Heating energy January", 990.00, "6110"),
    ("Northlight Energy", "Charging point installation", 2350.00, "6140"),
    ("Fernhollow Heat", "District heating February", 640.75, "6110"),
    ("Fernhollow Heat", "District heating for the shop", 702.15, "6110"),
    ("Tin Roof Repairs", "Repair work for the warehouse", 1480.00, "6140"),
    ("Tin Roof Repairs", "Maintenance visit", 320.00, "6140"),
    ("Copper Kettle Catering", "Team lunch", 186.50, "6310"),
    ("Copper Kettle Catering", "Catering for head office", 415.00, "6310"),
    ("Swift Otter Parcels", "Parcel delivery March", 530.20, "6700"),
    ("Swift Otter Parcels", "Courier service", 88.00, "6700"),
]


def main() -> None:
    """Run the five steps against the environment that was named."""
    parser = argparse.ArgumentParser(description="Try an environment: a table, some rows, a search, a prediction.")
    parser.add_argument("url", nargs="?", default=os.environ.get("VAKKA_URL"), help="address of the environment")
    parser.add_argument("key", nargs="?", default=os.environ.get("VAKKA_KEY"), help="its read-write key")
    options = parser.parse_args()
    if not options.url or not options.key:
        parser.error("name the environment and its read-write key, or set VAKKA_URL and VAKKA_KEY")

    client = AitoClient(options.url, options.key)
    aito.create_table(client, TABLE, SCHEMA)
    rows = [dict(zip(SCHEMA["columns"], invoice, strict=True)) for invoice in INVOICES]
    aito.upload_entries(client, TABLE, rows)
    print(f"{aito.get_table_size(client, TABLE)} invoices are there")

    found = aito.search(client, {"from": TABLE, "where": {"description": {"$match": "heating"}}})
    print(f"{found['total']} of them are about heating")

    predicted = aito.predict(
        client,
        {
            "from": TABLE,
            "where": {"vendor": "Northlight Energy", "description": "electricity for the shop"},
            "predict": "gl_code",
            "limit": 3,
        },
    )
    print("An invoice of Northlight Energy for electricity belongs to account:")
    for hit in predicted["hits"]:
        print(f"  {hit['feature']}  with probability {hit['$p']:.2f}")


if __name__ == "__main__":
    main()
