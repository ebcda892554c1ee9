"""What a person does in Mission Control without a browser's scripts, in steps that several tests share."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bs4 import Tag

from tests.e2e.product import Product
from tests.e2e.visitor import Visitor
from tests.processes import wait_until


@dataclass(frozen=True)
class Environment:
    """An environment as its page shows it."""

    page_url: str
    url: str
    read_only_key: str = field(repr=False)
    read_write_key: str = field(repr=False)

    @property
    def id(self) -> str:
        return urlsplit(self.page_url).path.rsplit("/", 1)[1]


def sign_in(product: Product) -> Visitor:
    """Sign in as the machine's owner, with what `vakka up` printed."""
    visitor = Visitor()
    visitor.visit(product.console_url)
    visitor.follow("Sign in")
    email, password = product.owner
    visitor.submit("Sign in", email=email, password=password)
    assert visitor.heading == "Environments", visitor.text
    return visitor


def create_environment(visitor: Visitor, name: str) -> Environment:
    """Create an environment, wait until it runs, reveal both keys."""
    visitor.follow("New environment")
    visitor.submit("Create environment", name=name)
    page_url = visitor.response.url.split("?")[0]
    assert visitor.heading == name, visitor.text

    def runs() -> bool:
        visitor.visit(page_url)
        return visitor.page.find(id="environment-url") is not None

    wait_until(runs, what="the environment to run")
    url = text_of(visitor, "environment-url")
    return Environment(page_url, url, reveal(visitor, page_url, "read-only"), reveal(visitor, page_url, "read-write"))


def reveal(visitor: Visitor, page_url: str, access: str) -> str:
    """Reveal one key on the environment's page; the key."""
    visitor.visit(page_url)
    visitor.submit("read-only key" if access == "read-only" else "read/write key")
    return text_of(visitor, f"key-{access}-value")


def delete_environment(visitor: Visitor, page_url: str, name: str) -> None:
    """Delete an environment by typing its name, and wait until it has gone from the list."""
    visitor.visit(page_url)
    visitor.follow("Delete")
    visitor.submit("Delete for good", name=name)

    def is_gone() -> bool:
        visitor.visit(page_url.rsplit("/", 1)[0])
        return name not in visitor.text.replace(f"{name} has been deleted", "")

    wait_until(is_gone, what="the environment to be deleted")


def text_of(visitor: Visitor, element_id: str) -> str:
    """The text of one element of the page."""
    element = visitor.page.find(id=element_id)
    assert isinstance(element, Tag), f"no {element_id} on {visitor.response.url}: {visitor.text}"
    return element.get_text(strip=True)
