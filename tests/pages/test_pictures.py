"""Every page in every state, light and dark, wide and narrow: axe finds nothing, nothing scrolls sideways.

A picture of each is kept to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import Page, expect

from tests.chromium import ARTEFACTS
from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.states import add_states
from tests.pages.web_server import serving
from tests.pages.windows import OpenPage, team_of
from tests.unit.mission_control.identity.provider_client import Provider, authorize_path

pytestmark = pytest.mark.browser

LOOKS = [("desktop", 1280, "light"), ("desktop", 1280, "dark"), ("phone", 375, "light"), ("phone", 375, "dark")]
NARROWEST = 320


def look_at(page: Page, name: str, look: str) -> None:
    """Take a picture, then hold the page to axe's rules as it is and on the narrowest screen."""
    page.wait_for_load_state("load")
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"console-{name}-{look}.png", full_page=True)
    size = page.viewport_size
    assert size is not None
    for width in (size["width"], NARROWEST):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways at {width}"
        found = Axe().run(page)
        assert found.violations_count == 0, f"{name}, {width} wide, {look}: {found.generate_report()}"
    page.set_viewport_size(size)


@pytest.mark.parametrize(("device", "width", "scheme"), LOOKS)
def test_every_state_of_every_page_can_be_used_by_everybody(
    open_page: OpenPage, control_plane: FakeControlPlane, device: str, width: int, scheme: str
) -> None:
    page = open_page(width=width, scheme=scheme)
    look = f"{device}-{scheme}"

    def visit(name: str, address: str) -> None:
        page.goto(address)
        look_at(page, name, look)

    look_at(page, "empty", look)
    visit("new", "/environments/new")
    page.get_by_role("button", name="Create environment").click()
    expect(page.locator("#name-problem")).to_be_visible()
    look_at(page, "new-wrong", look)
    states = add_states(control_plane, team_of(control_plane))
    visit("list", "/environments")
    for name, environment in states.named().items():
        visit(name, f"/environments/{environment['id']}")
    address = f"/environments/{states.running['id']}"
    page.goto(address)
    page.get_by_role("button", name="Reveal the read/write key").click()
    page.get_by_role("button", name="Copy the URL").click()
    expect(page.locator("#key-read-write-value")).to_be_visible()
    look_at(page, "revealed", look)
    page.route("**/reveal", lambda route: route.abort())
    page.get_by_role("button", name="Reveal the read-only key").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look_at(page, "problem", look)
    visit("delete", f"/environments/{states.failed['id']}/delete")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator("#name-problem")).to_be_visible()
    look_at(page, "delete-wrong", look)
    visit("error", f"{address}/nothing")
    page.goto("/environments")
    page.get_by_role("button", name="Sign out").click()
    assert urlsplit(page.url).path == "/oidc/logout"
    visit("landing", "/")
    visit("sign-in-denied", "/auth/callback?error=access_denied")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_hundred_environments_fit(open_page: OpenPage, control_plane: FakeControlPlane, scheme: str) -> None:
    page = open_page(scheme=scheme)
    for number in range(100):
        control_plane.add(team_of(control_plane), f"shop {number}")
    page.goto("/environments")
    expect(page.locator(".list-name")).to_have_count(100)
    look_at(page, "hundred", f"desktop-{scheme}")


@pytest.fixture
def provider_address(tmp_path: Path) -> Iterator[str]:
    """The embedded provider on a real port."""
    with serving(Provider(tmp_path).app) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def stranger(chromium: Chromium) -> Iterator[Callable[[int, str], Page]]:
    """Opens windows of somebody signed in nowhere."""
    contexts = []

    def begin(width: int, scheme: str) -> Page:
        dark = scheme == "dark"
        context = chromium.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        return context.new_page()

    yield begin
    for context in contexts:
        context.close()


@pytest.mark.parametrize(("device", "width", "scheme"), LOOKS)
def test_every_page_of_the_embedded_provider_can_be_used_by_everybody(
    stranger: Callable[[int, str], Page], provider_address: str, device: str, width: int, scheme: str
) -> None:
    page = stranger(width, scheme)
    look = f"{device}-{scheme}"
    page.goto(provider_address + authorize_path())
    look_at(page, "provider-sign-in", look)
    page.get_by_label("E-mail").fill("somebody@example.test")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look_at(page, "provider-wrong", look)
    page.goto(f"{provider_address}/authorize")
    look_at(page, "provider-refused", look)
    page.goto(f"{provider_address}/oidc/logout")
    look_at(page, "provider-signed-out", look)
    link = f'<a href="{provider_address}/oidc/logout">Win a prize</a>'
    page.route("http://evil.test/", lambda route: route.fulfill(content_type="text/html", body=link))
    page.goto("http://evil.test/")
    page.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Sign out?")).to_be_visible()
    look_at(page, "provider-sign-out", look)
