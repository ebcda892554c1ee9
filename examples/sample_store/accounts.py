"""What the sample store pays for: its accounts, and the vendors that bill them. All invented."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    """One account of the general ledger."""

    code: str
    subjects: tuple[str, ...]  # what its invoices are about
    typical_amount: float  # the median
    cost_center: str  # who usually bears it
    approver: str  # the role that signs ordinary amounts


@dataclass(frozen=True)
class Vendor:
    """Somebody who sends invoices; `accounts` are codes with the share of this vendor's invoices."""

    name: str
    country: str
    accounts: tuple[tuple[str, float], ...]


ACCOUNTS = (
    Account("6100", ("Office rent", "Warehouse rent", "Shop premises lease"), 4200, "Head office", "facilities-lead"),
    Account(
        "6110",
        ("Electricity", "Electricity and heating", "District heating", "Heating energy"),
        780,
        "Head office",
        "facilities-lead",
    ),
    Account(
        "6120", ("Water and sewage", "Waste collection", "Recycling containers"), 240, "Warehouse", "facilities-lead"
    ),
    Account("6130", ("Cleaning service", "Window cleaning", "Deep cleaning"), 460, "Shop", "facilities-lead"),
    Account(
        "6140", ("Repair work", "Charging point installation", "Maintenance visit"), 950, "Warehouse", "facilities-lead"
    ),
    Account("6200", ("Software subscription", "Cloud hosting", "Licence renewal"), 620, "Web shop", "technology-lead"),
    Account(
        "6210", ("Laptop computers", "Monitors and docking stations", "Printer"), 1500, "Head office", "technology-lead"
    ),
    Account(
        "6220",
        ("Mobile phone plans", "Broadband connection", "Telephone service"),
        180,
        "Head office",
        "technology-lead",
    ),
    Account("6300", ("Train tickets", "Hotel accommodation", "Flight and transfer"), 340, "Head office", "people-lead"),
    Account("6310", ("Catering", "Team lunch", "Meeting refreshments"), 210, "Head office", "people-lead"),
    Account("6320", ("Training course", "Conference ticket", "First aid workshop"), 640, "Shop", "people-lead"),
    Account("6400", ("Online advertising", "Search campaign", "Sponsored posts"), 1800, "Web shop", "marketing-lead"),
    Account("6410", ("Printed catalogues", "Window posters", "Product photography"), 900, "Shop", "marketing-lead"),
    Account("6500", ("Legal advice", "Contract review", "Trademark filing"), 2300, "Head office", "finance-lead"),
    Account("6510", ("Bookkeeping", "Annual audit", "Payroll service"), 1600, "Head office", "finance-lead"),
    Account("6600", ("Office supplies", "Printing paper", "Pens and folders"), 95, "Head office", "people-lead"),
    Account("6700", ("Parcel delivery", "Pallet freight", "Courier service"), 520, "Warehouse", "logistics-lead"),
    Account("6710", ("Cardboard boxes", "Packing tape", "Padding material"), 380, "Warehouse", "logistics-lead"),
    Account(
        "6800", ("Property insurance", "Liability insurance", "Cargo insurance"), 1100, "Head office", "finance-lead"
    ),
)

VENDORS = (
    Vendor("Northlight Energy", "FI", (("6110", 0.8), ("6140", 0.2))),
    Vendor("Fernhollow Heat", "SE", (("6110", 0.9), ("6140", 0.1))),
    Vendor("Quayside Properties", "FI", (("6100", 0.7), ("6120", 0.15), ("6140", 0.15))),
    Vendor("Oldmill Estates", "SE", (("6100", 0.85), ("6130", 0.15))),
    Vendor("Clearbrook Water and Waste", "FI", (("6120", 1.0),)),
    Vendor("Bright Bucket Cleaning", "FI", (("6130", 1.0),)),
    Vendor("Sparrow Facility Care", "EE", (("6130", 0.5), ("6140", 0.35), ("6120", 0.15))),
    Vendor("Tin Roof Repairs", "FI", (("6140", 1.0),)),
    Vendor("Cloudpine Hosting", "DE", (("6200", 1.0),)),
    Vendor("Paperlark Software Works", "IE", (("6200", 0.9), ("6320", 0.1))),
    Vendor("Bluebell Computers", "SE", (("6210", 0.75), ("6200", 0.25))),
    Vendor("Pixel and Cable", "FI", (("6210", 0.6), ("6220", 0.2), ("6600", 0.2))),
    Vendor("Lantern Telecom", "FI", (("6220", 1.0),)),
    Vendor("Saltmarsh Mobile", "EE", (("6220", 0.85), ("6210", 0.15))),
    Vendor("Wayfarer Bookings", "DE", (("6300", 0.85), ("6320", 0.15))),
    Vendor("Hotel Nine Pines", "SE", (("6300", 0.7), ("6310", 0.3))),
    Vendor("Copper Kettle Catering", "FI", (("6310", 1.0),)),
    Vendor("Rye and Radish", "FI", (("6310", 1.0),)),
    Vendor("Slow Owl Academy", "FI", (("6320", 1.0),)),
    Vendor("Magpie Media", "IE", (("6400", 0.8), ("6410", 0.2))),
    Vendor("Loudhailer Online", "IE", (("6400", 1.0),)),
    Vendor("Inkwell Print House", "FI", (("6410", 0.7), ("6600", 0.3))),
    Vendor("Longshadow Pictures", "EE", (("6410", 1.0),)),
    Vendor("Juniper and Stone Law", "FI", (("6500", 1.0),)),
    Vendor("Plumbline Accounting", "FI", (("6510", 0.9), ("6320", 0.1))),
    Vendor("Staplewood Office", "DE", (("6600", 0.8), ("6210", 0.2))),
    Vendor("Paperclip Depot", "SE", (("6600", 0.85), ("6710", 0.15))),
    Vendor("Swift Otter Parcels", "FI", (("6700", 1.0),)),
    Vendor("Tidewater Freight", "EE", (("6700", 0.85), ("6800", 0.15))),
    Vendor("Boxwright Packaging", "SE", (("6710", 0.85), ("6700", 0.15))),
    Vendor("Anchor Mutual Cover", "FI", (("6800", 1.0),)),
    Vendor("Homestead Everything", "DE", (("6600", 0.3), ("6710", 0.25), ("6310", 0.25), ("6140", 0.2))),
)

PLACES = ("for the office", "for the warehouse", "for the shop", "for the web shop team", "for head office")
PERIODS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December", "first quarter", "second quarter", "third quarter", "fourth quarter",
)  # fmt: skip
