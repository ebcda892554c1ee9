"""The pages with scripts on: polling, revealing, copying, focus, the strict policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, Request, expect

from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.windows import OpenPage, team_of, watch_a_creation

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
    expect(button).to_have_text("Copy the URL")


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
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()  # the page renews itself
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
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")


def test_an_error_is_said_on_the_page(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    page.route("**/reveal", lambda route: route.abort())
    page.get_by_role("button", name="Reveal the read-only key").click()
    expect(page.get_by_role("alert")).to_contain_text("doesn't answer")
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_list_follows_what_becomes_of_each_environment(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    control_plane.moves = False
    environment = control_plane.add(team_of(control_plane), "shop", "creating")
    operation = control_plane.begin(environment, "create")
    page.goto("/environments")
    expect(page.locator(".state")).to_have_text("Creating")
    for _ in range(3):
        control_plane.move(operation)
    expect(page.locator(".state")).to_have_text("Running")
    asked = len(control_plane.requests)
    page.wait_for_timeout(3000)
    assert len(control_plane.requests) == asked
    deletion = control_plane.begin(environment, "delete")
    page.goto("/environments")
    for _ in range(3):
        control_plane.move(deletion)
    expect(page.get_by_role("heading", name="No environments yet")).to_be_visible()


def test_slow_control_plane_is_asked_one_thing_at_a_time_and_the_page_gets_on(
    open_page: OpenPage, control_plane: FakeControlPlane
) -> None:
    page = open_page()
    _, operation = watch_a_creation(page, control_plane)
    control_plane.delay_seconds = 0.8  # two calls for each look: longer than the pause between looks
    at_once: list[int] = [0]
    most: list[int] = [0]

    def begins(request: Request) -> None:
        at_once[0] += "/progress" in request.url
        most[0] = max(most[0], at_once[0])

    def ends(request: Request) -> None:
        at_once[0] -= "/progress" in request.url

    page.on("request", begins)
    page.on("requestfinished", ends)
    page.on("requestfailed", ends)
    page.wait_for_timeout(4000)
    for _ in range(3):
        control_plane.move(operation)
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()
    assert most[0] == 1


def test_page_without_news_says_so_until_there_is_some(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    watch_a_creation(page, control_plane)
    page.route("**/progress**", lambda route: route.abort())
    expect(page.get_by_role("alert")).to_contain_text("has no news")
    page.unroute("**/progress**")
    expect(page.get_by_role("alert")).to_be_hidden()


def test_environment_deleted_in_another_tab_ends_this_one_on_the_list(
    open_page: OpenPage, control_plane: FakeControlPlane
) -> None:
    page = open_page()
    environment, _ = watch_a_creation(page, control_plane)
    expect(page.get_by_role("heading", name="Creating the environment")).to_be_visible()
    deletion = control_plane.begin(environment, "delete")
    for _ in range(3):
        control_plane.move(deletion)
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    expect(page.get_by_role("status").first).to_contain_text("The environment has been deleted.")


def test_environment_that_is_gone_is_told_when_its_key_is_asked_for(
    open_page: OpenPage, control_plane: FakeControlPlane
) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    del control_plane.environments[environment["id"]]
    page.get_by_role("button", name="Reveal the read-only key").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such environment")


def test_two_clicks_reveal_a_key_once(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    control_plane.delay_seconds = 0.3
    page.get_by_role("button", name="Reveal the read-only key").dblclick()
    expect(page.locator("#key-read-only-value")).to_be_visible()
    page.wait_for_timeout(1500)
    assert sum(path.endswith("/keys/reveal") for _, path, _ in control_plane.requests) == 1


def test_two_clicks_create_one_environment(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    control_plane.delay_seconds = 0.2
    page.get_by_role("link", name="New environment").click()
    page.get_by_label("Name").fill("shop")
    page.get_by_role("button", name="Create environment").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("shop")
    assert len(control_plane.environments) == 1


def test_going_back_after_signing_out_shows_no_key(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    key = control_plane.key(environment["id"], "read_write")
    page.goto(f"/environments/{environment['id']}")
    page.get_by_role("button", name="Reveal the read/write key").click()
    expect(page.locator("#key-read-write-value")).to_have_text(key)
    page.context.clear_cookies(name="vakka_console")  # signed out in another tab
    page.goto("about:blank")
    page.go_back()
    page.wait_for_load_state("networkidle")
    assert key not in page.content()


def test_page_that_the_browser_had_kept_is_loaded_anew(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    page.get_by_role("button", name="Reveal the read/write key").click()
    expect(page.locator("#key-read-write-value")).to_be_visible()
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    expect(page.locator("#key-read-write-value")).to_have_count(0)


def test_page_that_is_watched_asks_to_sign_in_when_the_session_has_ended(
    open_page: OpenPage, control_plane: FakeControlPlane
) -> None:
    page = open_page()
    watch_a_creation(page, control_plane)
    page.context.clear_cookies(name="vakka_console")
    with page.expect_navigation(url="**/environments/**"):  # by way of the provider, and back to the same page
        pass
    expect(page.get_by_role("heading", level=1)).to_have_text("shop")
