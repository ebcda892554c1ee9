"""The pages with scripts on: polling, revealing, copying, focus, the strict policy; and pictures of each to look at."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright

from mission_control.app import create_app
from mission_control.settings import Settings
from tests.pages.conftest import ARTEFACTS, parts_of
from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.web_server import serving
from tests.processes import free_port

pytestmark = pytest.mark.browser

QUIET = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOOKS = [("desktop", 1280, "light"), ("desktop", 1280, "dark"), ("phone", 375, "light"), ("phone", 375, "dark")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    system = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=system, args=list(QUIET))
        except Error as error:
            pytest.skip(f"no Chromium to drive: {error.message.splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def console(settings: Settings) -> Iterator[str]:
    """The console on a real port; its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    app = create_app(settings.model_copy(update={"public_url": url}))
    with serving(app, port):
        yield url
    parts_of(app).database.close()


@pytest.fixture
def open_page(chromium: Browser, console: str) -> Iterator[Callable[..., Page]]:
    """Opens a browser window that is signed in. The test fails when a page broke its own policy or a script failed."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def begin(*, width: int = 1280, scheme: str = "light", scripts: bool = True) -> Page:
        context = chromium.new_context(
            base_url=console,
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text) if is_ours(message) else None)
        page.goto("/")
        page.get_by_role("link", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
        return page

    yield begin
    for context in contexts:
        context.close()
    assert complaints == []


def is_ours(message: ConsoleMessage) -> bool:
    """An error of the page itself; that an answer was an error is what some tests are about."""
    is_about_an_answer = any(words in message.text for words in ("Failed to load resource", "Failed to fetch"))
    return message.type == "error" and not is_about_an_answer


def picture(page: Page, name: str) -> Path:
    ARTEFACTS.mkdir(parents=True, exist_ok=True)
    path = ARTEFACTS / f"console-{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def team_of(control_plane: FakeControlPlane) -> str:
    return str(control_plane.claims[-1]["sub"])


def create(page: Page, name: str) -> None:
    page.get_by_role("link", name="New environment").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create environment").click()


def test_creation_is_watched_live_and_the_page_stops_asking_when_it_is_done(
    open_page: Callable[..., Page], control_plane: FakeControlPlane
) -> None:
    page = open_page()
    create(page, "shop")
    expect(page.get_by_role("heading", name="Creating the environment")).to_be_visible()
    page.evaluate("document.querySelector('#environment').kept = true")
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()
    assert page.evaluate("document.querySelector('#environment').kept")  # changed in place, not loaded anew
    expect(page.locator("#environment-sentence")).to_have_text("shop is running.")
    asked = len(control_plane.requests)
    page.wait_for_timeout(2500)
    assert len(control_plane.requests) == asked


def test_polling_survives_a_control_plane_that_is_away_for_a_while(
    open_page: Callable[..., Page], control_plane: FakeControlPlane
) -> None:
    page = open_page()
    control_plane.moves = False
    create(page, "shop")
    expect(page.get_by_role("heading", name="Creating the environment")).to_be_visible()
    secret, control_plane.secret = control_plane.secret, "another-secret-for-a-while-0123456789"
    page.wait_for_timeout(1500)
    expect(page.get_by_role("heading", name="Creating the environment")).to_be_visible()
    control_plane.secret, control_plane.moves = secret, True
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()


def test_revealing_fills_the_examples_in_and_hiding_takes_the_key_off_the_page(
    open_page: Callable[..., Page], control_plane: FakeControlPlane
) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    key = control_plane.key(environment["id"], "read_write")
    page.goto(f"/environments/{environment['id']}")
    page.get_by_text("Python", exact=True).click()
    reveal = page.get_by_role("button", name="Reveal the read/write key")
    reveal.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#key-read-write-value")).to_have_text(key)
    expect(page.locator("#key-read-write-toggle")).to_be_focused()
    expect(page.locator("#snippet-python")).to_contain_text(key)
    expect(page.locator("#snippet-python")).to_be_visible()
    assert key not in page.url
    page.get_by_role("link", name="Hide the read/write key").click()
    expect(page.locator("#key-read-write-value")).to_have_count(0)
    assert key not in page.content()


def test_copy_buttons_say_that_they_copied(open_page: Callable[..., Page], control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    button = page.get_by_role("button", name="the URL")
    button.click()
    expect(button).to_have_text("Copied the URL")
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == environment["url"]
    expect(button).to_have_text("Copy the URL", timeout=5000)


def test_deletion_ends_on_the_list(open_page: Callable[..., Page], control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    page.get_by_role("link", name="Delete…").click()
    page.get_by_label("Type “shop” to confirm").fill("shop")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="Deleting the environment")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    expect(page.get_by_role("status").first).to_contain_text("The environment has been deleted.")


def test_everything_works_without_scripts(open_page: Callable[..., Page], control_plane: FakeControlPlane) -> None:
    page = open_page(scripts=False)
    create(page, "shop")
    expect(page.get_by_role("heading", name="Connect")).to_be_visible(timeout=15_000)  # the page renews itself
    page.get_by_role("button", name="Reveal the read-only key").click()
    environment_id = next(iter(control_plane.environments))
    expect(page.locator("#key-read-only-value")).to_have_text(control_plane.key(environment_id, "read_only"))
    page.get_by_role("link", name="Hide the read-only key").click()
    expect(page.locator("#key-read-only-value")).to_have_count(0)
    page.get_by_text("Python", exact=True).click()
    expect(page.locator("#snippet-python")).to_be_visible()
    page.get_by_role("link", name="Delete…").click()
    page.get_by_label("Type “shop” to confirm").fill("shop")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments", timeout=15_000)


def test_an_error_is_said_on_the_page(open_page: Callable[..., Page], control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    page.route("**/reveal", lambda route: route.abort())
    page.get_by_role("button", name="Reveal the read-only key").click()
    expect(page.get_by_role("alert")).to_contain_text("doesn't answer")


@pytest.mark.parametrize(("device", "width", "scheme"), LOOKS)
def test_pictures_of_every_page_and_none_scrolls_sideways(
    open_page: Callable[..., Page], control_plane: FakeControlPlane, device: str, width: int, scheme: str
) -> None:
    page = open_page(width=width, scheme=scheme)
    look = f"{device}-{scheme}"

    def take(name: str, address: str | None = None) -> None:
        if address:
            page.goto(address)
        page.wait_for_load_state("load")
        picture(page, f"{name}-{look}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{name} scrolls sideways"
        page.set_viewport_size({"width": 320, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, f"{name} scrolls sideways at 320 px"
        page.set_viewport_size({"width": width, "height": 900})

    team = team_of(control_plane)
    take("empty", "/environments")
    take("new", "/environments/new")
    page.get_by_role("button", name="Create environment").click()
    take("new-wrong")
    control_plane.moves = False
    creating = control_plane.add(team, "a-name-without-any-space-in-it-that-is-as-long-as-names-may-be-64", "creating")
    control_plane.move(control_plane.begin(creating, "create"))
    failed = control_plane.add(team, "invoices test", "creating")
    control_plane.begin(failed, "create")
    control_plane.fail(failed, "The database did not answer within 60 s. Try again; if it fails again, free memory.")
    running = control_plane.add(team, "shop")
    deleting = control_plane.add(team, "old shop")
    control_plane.begin(deleting, "delete")
    take("many", "/environments")
    take("creating", f"/environments/{creating['id']}")
    take("failed", f"/environments/{failed['id']}")
    take("deleting", f"/environments/{deleting['id']}")
    take("running", f"/environments/{running['id']}")
    page.get_by_role("button", name="Reveal the read/write key").click()
    page.get_by_role("button", name="Copy the URL").click()
    expect(page.locator("#key-read-write-value")).to_be_visible()
    take("revealed")
    take("delete", f"/environments/{running['id']}/delete")
    take("error", f"/environments/{running['id']}/nothing")
    page.goto("/environments")
    page.get_by_role("button", name="Sign out").click()
    assert urlsplit(page.url).path == "/oidc/logout"
    take("landing", "/")
