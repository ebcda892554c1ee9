"""A person without JavaScript: follows links, fills in forms, keeps cookies."""

from __future__ import annotations

from urllib.parse import urljoin

import requests
from bs4 import BeautifulSoup, Tag

TIMEOUT_SECONDS = 30


class Visitor:
    """One browser session over plain HTTP."""

    def __init__(self) -> None:
        self._session = requests.Session()
        self.response = requests.Response()

    @property
    def page(self) -> BeautifulSoup:
        return BeautifulSoup(self.response.text, "html.parser")

    @property
    def heading(self) -> str:
        heading = self.page.find("h1")
        assert heading is not None, self.response.text
        return heading.get_text(strip=True)

    @property
    def text(self) -> str:
        """What a person reads, white space folded."""
        return " ".join(self.page.get_text(" ").split())

    def visit(self, url: str) -> None:
        """Open an address."""
        self.response = self._session.get(url, timeout=TIMEOUT_SECONDS)

    def submit(self, button: str, **fields: str) -> None:
        """Fill in the form that has a button of this name, and press it."""
        form = self._form_with(button)
        values = {
            str(entry["name"]): str(entry.get("value") or "")
            for entry in form.find_all("input")
            if isinstance(entry, Tag) and entry.get("name")
        }
        unknown = set(fields) - set(values)
        assert not unknown, f"the form with {button!r} has no field {unknown}: {sorted(values)}"
        pressed = self._button(form, button)
        if pressed is not None and pressed.get("name"):
            values[str(pressed["name"])] = str(pressed.get("value") or "")
        url = urljoin(self.response.url, str(form.get("action") or self.response.url))

        data = {**values, **fields}
        if str(form.get("method", "get")).lower() == "get":
            self.response = self._session.get(url, params=data, timeout=TIMEOUT_SECONDS)
        else:
            headers = {"referer": self.response.url}
            self.response = self._session.post(url, data=data, headers=headers, timeout=TIMEOUT_SECONDS)

    def follow(self, link: str) -> None:
        """Follow the link of this name."""
        for anchor in self.page.find_all("a"):
            if isinstance(anchor, Tag) and link in anchor.get_text(" ", strip=True):
                self.visit(urljoin(self.response.url, str(anchor["href"])))
                return
        raise AssertionError(f"no link {link!r} on {self.response.url}: {self.text}")

    def _form_with(self, button: str) -> Tag:
        for form in self.page.find_all("form"):
            if isinstance(form, Tag) and self._button(form, button) is not None:
                return form
        raise AssertionError(f"no form with a button {button!r} on {self.response.url}: {self.text}")

    @staticmethod
    def _button(form: Tag, name: str) -> Tag | None:
        for button in form.find_all("button"):
            if isinstance(button, Tag) and name in button.get_text(" ", strip=True):
                return button
        return None
