"""The pages with scripts on: polling, revealing, copying, focus, the strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.windows import OpenPage, team_of

pytestmark = pytest.mark.browser


def create(page: Page, name: str) -> None:
    page.get_by_role("link", name="New environment").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create environment").click()


def test_creation_is_watched_live_and_the_page_stops_asking_when_it_is_done(
    open_page: OpenPage, control_plane: FakeControlPlane
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
    open_page: OpenPage, control_plane: FakeControlPlane
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
    open_page: OpenPage, control_plane: FakeControlPlane
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


def test_copy_buttons_say_that_they_copied(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    button = page.get_by_role("button", name="the URL")
    button.click()
    expect(button).to_have_text("Copied the URL")
    expect(page.locator("#announcement")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == environment["url"]
    expect(button).to_have_text("Copy the URL", timeout=5000)


def test_deletion_ends_on_the_list(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    page.get_by_role("link", name="Delete…").click()
    page.get_by_label("Type “shop” to confirm").fill("shop")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", name="Deleting the environment")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    expect(page.get_by_role("status").first).to_contain_text("The environment has been deleted.")


def test_everything_works_without_scripts(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
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


def test_an_error_is_said_on_the_page(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    page.route("**/reveal", lambda route: route.abort())
    page.get_by_role("button", name="Reveal the read-only key").click()
    expect(page.get_by_role("alert")).to_contain_text("doesn't answer")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_be_hidden()
