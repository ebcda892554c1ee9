"""Windows of a real browser on the console, signed in.

Each test that opens one fails when a page broke its own policy or a script failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.pages.fake_control_plane import FakeControlPlane


class OpenPage(Protocol):
    """Opens a new window of a new browser profile, on the list of environments."""

    def __call__(
        self, *, width: int = 1280, scheme: str = "light", scripts: bool = True, scale: float = 1, calm: bool = False
    ) -> Page: ...


@dataclass
class Windows:
    """Opens them, and remembers what went wrong in any."""

    chromium: Browser
    console: str  # its address
    contexts: list[BrowserContext] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def open(
        self, *, width: int = 1280, scheme: str = "light", scripts: bool = True, scale: float = 1, calm: bool = False
    ) -> Page:
        """scale: device pixels per pixel; calm: the person asked for less motion."""
        context = self.chromium.new_context(
            base_url=self.console,
            viewport={"width": width, "height": 900},
            device_scale_factor=scale,
            color_scheme="dark" if scheme == "dark" else "light",
            reduced_motion="reduce" if calm else "no-preference",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        self.contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self.complaints.append(message.text) if is_ours(message) else None)
        page.goto("/")
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
        return page


@contextmanager
def windows(chromium: Browser, console: str) -> Iterator[OpenPage]:
    """Closes every window at the end and fails on what any of them complained about."""
    opened = Windows(chromium, console)
    yield opened.open
    for context in opened.contexts:
        context.close()
    assert opened.complaints == []


def is_ours(message: ConsoleMessage) -> bool:
    """An error of the page itself; that an answer was an error is what some tests are about."""
    is_about_an_answer = any(words in message.text for words in ("Failed to load resource", "Failed to fetch"))
    return message.type == "error" and not is_about_an_answer


def team_of(control_plane: FakeControlPlane) -> str:
    """The team of whoever looked last."""
    return str(control_plane.claims[-1]["sub"])


def watch_a_creation(page: Page, control_plane: FakeControlPlane) -> tuple[dict[str, Any], dict[str, Any]]:
    """Show the page of an environment that is being created and moves only when told; it and its operation."""
    control_plane.moves = False
    environment = control_plane.add(team_of(control_plane), "shop", "creating")
    operation = control_plane.begin(environment, "create")
    page.goto(f"/environments/{environment['id']}")
    return environment, operation
