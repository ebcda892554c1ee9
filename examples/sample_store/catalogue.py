"""What the sample store sells, and to which kinds of people."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Product:
    """One article."""

    name: str
    category: str
    price: float
    tags: str  # separated by spaces


@dataclass(frozen=True)
class Segment:
    """A kind of person; `likes` are the categories that they look at, the others they see by chance."""

    name: str
    tags: str
    likes: tuple[str, ...]


_ARTICLES: dict[str, tuple[tuple[str, float, str], ...]] = {
    "coffee": (
        ("Harbour dark roast coffee beans", 9.5, "organic fairtrade"),
        ("Everyday ground coffee", 5.9, "budget"),
        ("Single origin espresso beans", 14.9, "premium fairtrade"),
        ("Decaf filter coffee", 7.2, "organic"),
        ("Coffee tasting gift box", 29.0, "gift premium"),
        ("Iced coffee concentrate", 6.4, "vegan budget"),
    ),
    "tea": (
        ("Meadow chamomile tea", 4.9, "organic vegan"),
        ("Breakfast black tea bags", 3.2, "budget"),
        ("Hand rolled oolong tea", 18.5, "premium"),
        ("Ginger and lemon infusion", 4.5, "vegan organic"),
        ("Tea sampler gift tin", 24.0, "gift"),
        ("Forest berry kids tea", 4.1, "kids organic"),
    ),
    "kitchen": (
        ("Cast iron frying pan", 49.0, "premium handmade"),
        ("Beechwood chopping board", 22.0, "handmade gift"),
        ("Stackable lunch boxes", 12.5, "budget kids"),
        ("Recycled glass storage jars", 16.0, "recycled"),
        ("Stainless steel whisk", 6.5, "budget"),
        ("Ceramic pour over dripper", 27.0, "gift premium"),
    ),
    "garden": (
        ("Wildflower seed mix", 3.8, "organic budget"),
        ("Copper watering can", 39.0, "premium gift"),
        ("Peat free potting soil", 8.9, "organic recycled"),
        ("Bamboo plant stakes", 4.6, "budget recycled"),
        ("Children's gardening gloves", 5.5, "kids"),
        ("Forged pruning shears", 34.0, "premium handmade"),
    ),
    "camping": (
        ("Two person trail tent", 189.0, "premium waterproof"),
        ("Folding camp stove", 45.0, "outdoors"),
        ("Enamel camping mug", 9.0, "budget gift"),
        ("Down sleeping bag", 149.0, "premium outdoors"),
        ("Waterproof dry sack", 17.0, "waterproof budget"),
        ("Junior explorer backpack", 32.0, "kids waterproof"),
    ),
    "cycling": (
        ("Waterproof pannier bag", 69.0, "waterproof premium"),
        ("Puncture repair kit", 5.2, "budget"),
        ("Rechargeable bicycle lights", 28.0, "outdoors"),
        ("Recycled tube handlebar wrap", 12.0, "recycled"),
        ("Children's bicycle helmet", 36.0, "kids"),
        ("Merino cycling socks", 16.5, "gift"),
    ),
    "stationery": (
        ("Recycled paper notebook", 4.4, "recycled budget"),
        ("Brass fountain pen", 42.0, "premium gift"),
        ("Pack of gel pens", 3.6, "budget"),
        ("Weekly planner pad", 7.8, "recycled"),
        ("Watercolour set for children", 13.0, "kids"),
        ("Handmade letter paper", 11.5, "handmade gift"),
    ),
    "pets": (
        ("Grain free dog food", 24.5, "premium organic"),
        ("Clumping cat litter", 8.2, "budget"),
        ("Rope chew toy", 6.9, "recycled"),
        ("Waterproof dog coat", 38.0, "waterproof"),
        ("Wool cat cave", 44.0, "handmade premium"),
        ("Small animal hay", 5.1, "organic budget"),
    ),
    "lighting": (
        ("Linen table lamp", 58.0, "premium handmade"),
        ("Warm white bulb four pack", 9.9, "budget"),
        ("Beeswax candle pair", 12.0, "organic gift"),
        ("Solar garden lanterns", 26.0, "outdoors waterproof"),
        ("Moon night light for children", 19.0, "kids gift"),
        ("Clip on reading light", 11.0, "budget"),
    ),
    "toys": (
        ("Wooden train set", 39.5, "kids handmade gift"),
        ("Memory card game", 8.5, "kids budget"),
        ("Building blocks in a bag", 21.0, "kids recycled"),
        ("Plush forest bear", 17.5, "kids gift organic"),
        ("Family board game", 29.5, "kids gift"),
        ("Paper kite", 7.0, "kids budget outdoors"),
    ),
}

PRODUCTS = tuple(
    Product(name, category, price, tags) for category, articles in _ARTICLES.items() for name, price, tags in articles
)
CATEGORIES = tuple(_ARTICLES)

SEGMENTS = (
    Segment("student", "student thrifty", ("stationery", "coffee", "cycling")),
    Segment("young family", "parent thrifty", ("toys", "kitchen", "garden")),
    Segment("established family", "parent gardener", ("garden", "toys", "pets")),
    Segment("outdoor", "camper cyclist", ("camping", "cycling", "coffee")),
    Segment("connoisseur", "coffee-lover generous", ("coffee", "kitchen", "tea")),
    Segment("tea room", "tea-lover eco", ("tea", "lighting", "stationery")),
    Segment("homebody", "cook generous", ("kitchen", "lighting", "tea")),
    Segment("animal friend", "pet-owner eco", ("pets", "garden", "tea")),
)

# How much more willingly somebody with the first word buys what has the second as its category or a tag (log-odds).
AFFINITIES: dict[tuple[str, str], float] = {
    ("student", "stationery"): 1.4,
    ("student", "coffee"): 0.6,
    ("thrifty", "budget"): 1.3,
    ("thrifty", "premium"): -1.4,
    ("generous", "premium"): 1.3,
    ("generous", "gift"): 0.7,
    ("parent", "kids"): 1.7,
    ("gardener", "garden"): 1.9,
    ("camper", "camping"): 2.0,
    ("camper", "waterproof"): 0.7,
    ("cyclist", "cycling"): 1.8,
    ("coffee-lover", "coffee"): 2.0,
    ("tea-lover", "tea"): 2.0,
    ("cook", "kitchen"): 1.7,
    ("pet-owner", "pets"): 2.3,
    ("eco", "organic"): 1.0,
    ("eco", "recycled"): 1.0,
}

# The same for a day of the week and a category; an empty category means everything.
WEEKDAY_EFFECTS: dict[tuple[str, str], float] = {
    ("Saturday", ""): 0.35,
    ("Sunday", ""): 0.2,
    ("Saturday", "garden"): 0.6,
    ("Sunday", "garden"): 0.4,
    ("Monday", "coffee"): 0.5,
    ("Friday", "camping"): 0.7,
    ("Wednesday", "stationery"): 0.3,
}

# What people type to find a category.
SEARCHES: dict[str, tuple[str, ...]] = {
    "coffee": ("coffee beans", "espresso", "good filter coffee"),
    "tea": ("herbal tea", "black tea", "tea gift"),
    "kitchen": ("frying pan", "lunch box", "storage jars"),
    "garden": ("seeds", "watering can", "potting soil"),
    "camping": ("tent for two", "camp stove", "sleeping bag"),
    "cycling": ("bicycle lights", "pannier bag", "helmet for children"),
    "stationery": ("notebook", "pens", "weekly planner"),
    "pets": ("dog food", "cat toys", "dog coat"),
    "lighting": ("table lamp", "candles", "night light"),
    "toys": ("board game", "wooden toys", "present for children"),
}

CITIES = ("Rivermouth", "Elmstead", "Northvale", "Greyharbour", "Ashbridge", "Little Fen")
