"""What a person does with a page, without a real browser: open, fill in, send, read; forms only, no scripts."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import requests
from bs4 import BeautifulSoup, Tag
from flask import Flask
from werkzeug.test import TestResponse

HTMX = {"HX-Request": "true"}


@dataclass
class Page:
    """One answer, read as HTML."""

    response: TestResponse

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def html(self) -> BeautifulSoup:
        return BeautifulSoup(self.response.text, "html.parser")

    @property
    def text(self) -> str:
        return " ".join(self.html.get_text(" ").split())

    @property
    def location(self) -> str:
        return self.response.headers["Location"]

    @property
    def heading(self) -> str:
        return " ".join(self.one("h1").get_text().split())

    def one(self, selector: str) -> Tag:
        """The only element that matches."""
        found = self.html.select(selector)
        assert len(found) == 1, f"{len(found)} elements match {selector}"
        return found[0]

    def has(self, selector: str) -> bool:
        return bool(self.html.select(selector))

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form that is sent to `action`, as they are filled in."""
        form = self.one(f'form[action="{action}"]')
        return {str(field["name"]): str(field.get("value", "")) for field in form.select("input[name]")}


class Browser:
    """One person's browser with its cookies."""

    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()

    def open(self, address: str, *, headers: dict[str, str] | None = None, follow: bool = False) -> Page:
        return Page(self.client.get(address, headers=headers, follow_redirects=follow))

    def send(
        self, action: str, fields: dict[str, str], *, headers: dict[str, str] | None = None, follow: bool = False
    ) -> Page:
        return Page(self.client.post(action, data=fields, headers=headers, follow_redirects=follow))

    def submit(self, page: Page, action: str, **changes: str) -> Page:
        """Fill in and send a form of `page`."""
        return self.send(action, {**page.form(action), **changes})

    def ask_provider(self, start: str = "/auth/sign-in") -> str:
        """Go to the provider; the address that it sends the browser back to."""
        begun = self.client.get(start)
        assert begun.status_code == 302, begun.text
        answer = requests.get(begun.headers["Location"], allow_redirects=False, timeout=5)
        assert answer.status_code == 302, answer.text
        return answer.headers["Location"]

    def come_back(self, callback: str) -> Page:
        """Arrive at the console from the provider."""
        parts = urlsplit(callback)
        return self.open(f"{parts.path}?{parts.query}")

    def sign_in(self, start: str = "/auth/sign-in") -> Page:
        page = self.come_back(self.ask_provider(start))
        assert page.status == 303, page.text
        return page

    @property
    def cookie(self) -> str | None:
        found = self.client.get_cookie("vakka_console")
        return found.value if found else None

    def environment_id(self, page: Page) -> UUID:
        """The id in the address that `page` leads to."""
        return UUID(urlsplit(page.location).path.rsplit("/", 1)[1])
