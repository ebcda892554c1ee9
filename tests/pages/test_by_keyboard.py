"""The console by keyboard alone, magnified, and for people who asked for less motion."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.pages.fake_control_plane import FakeControlPlane
from tests.pages.states import add_states
from tests.pages.windows import OpenPage, team_of, watch_a_creation

pytestmark = pytest.mark.browser

MOST_STOPS = 30
# What has the focus, in the words of a screen reader, and whether it can be seen that it has it.
FOCUSED = """() => {
  const it = document.activeElement;
  const style = getComputedStyle(it.matches(".tabs input") ? it.nextElementSibling : it);
  const box = it.getBoundingClientRect();
  return {
    words: (it.labels?.[0] ?? it).innerText.replace(/\\s+/g, " ").trim(),
    isVisible: parseFloat(style.outlineWidth) >= 2 && style.outlineStyle !== "none",
    isOnScreen: box.bottom > 0 && box.top < innerHeight,
  };
}"""


def tab(page: Page) -> str:
    """Go one stop further; what has the focus now, which has to be seen."""
    page.keyboard.press("Tab")
    focused = page.evaluate(FOCUSED)
    assert focused["isVisible"], f"{focused['words']!r} doesn't show that it has the focus"
    assert focused["isOnScreen"], f"{focused['words']!r} has the focus out of sight"
    return str(focused["words"])


def tab_to(page: Page, words: str) -> None:
    passed = []
    for _ in range(MOST_STOPS):
        passed.append(tab(page))
        if passed[-1] == words:
            return
    raise AssertionError(f"no way to {words!r} by Tab, only to {passed}")


def test_whole_journey_by_keyboard_alone(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    tab_to(page, "New environment")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_text("Give the environment a name.")).to_be_visible()
    page.keyboard.type("shop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()

    tab_to(page, "Reveal the read/write key")
    page.keyboard.press("Enter")
    expect(page.locator("#key-read-write-value")).to_be_visible()
    expect(page.locator("#key-read-write-toggle")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    assert page.evaluate(FOCUSED)["words"] == "Copy the read/write key"
    page.keyboard.press("Enter")
    expect(page.locator("#announcement")).to_have_text("Copied")
    environment_id = next(iter(control_plane.environments))
    assert page.evaluate("navigator.clipboard.readText()") == control_plane.key(environment_id, "read_write")
    tab_to(page, "curl")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#snippet-python")).to_be_visible()

    tab_to(page, "Delete…")
    page.keyboard.press("Enter")
    expect(page.get_by_label("to confirm")).to_be_focused()
    page.keyboard.type("shop")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    tab_to(page, "Sign out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/oidc/logout?**")


def test_stops_come_in_the_order_of_the_page(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    environment = control_plane.add(team_of(control_plane), "shop")
    page.goto(f"/environments/{environment['id']}")
    stops = [tab(page) for _ in range(11)]
    assert stops[:10] == [
        "Skip to the content",
        "Vakka",
        "Environments",
        "Sign out",
        "← Environments",
        "Copy the URL",
        "Reveal the read-only key",
        "Reveal the read/write key",
        "curl",
        "Copy the curl example",
    ]
    assert stops[10].startswith("URL='http")  # the example itself, to be scrolled
    assert tab(page) == "Delete…"


def test_first_stop_leads_past_the_bar(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page()
    assert tab(page) == "Skip to the content"
    page.keyboard.press("Enter")
    assert tab(page) == "New environment"


def test_focus_stays_where_it_is_while_the_page_renews_itself(
    open_page: OpenPage, control_plane: FakeControlPlane
) -> None:
    page = open_page()
    _, operation = watch_a_creation(page, control_plane)
    tab_to(page, "Delete…")
    control_plane.move(operation)
    expect(page.locator(".step.done")).to_have_count(1)
    expect(page.get_by_role("link", name="Delete…")).to_be_focused()
    control_plane.moves = True
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()
    expect(page.get_by_role("link", name="Delete…")).to_be_focused()
    page.goto("/environments")
    control_plane.moves = False
    control_plane.begin(control_plane.add(team_of(control_plane), "another", "creating"), "create")
    page.reload()
    tab_to(page, "shop")
    control_plane.add(team_of(control_plane), "one more")
    expect(page.locator(".list-name")).to_have_count(3)
    expect(page.get_by_role("link", name="shop")).to_be_focused()


def test_every_state_fits_at_twice_the_size(open_page: OpenPage, control_plane: FakeControlPlane) -> None:
    page = open_page(width=640, scale=2)
    states = add_states(control_plane, team_of(control_plane))
    for address in (
        "",
        "/new",
        *(f"/{row['id']}" for row in states.named().values()),
        f"/{states.failed['id']}/delete",
    ):
        page.goto(f"/environments{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 640, address
        cut = page.evaluate(
            """() => [...document.querySelectorAll("main *")]
              .filter((it) => !it.closest(".visually-hidden, pre, .tabs input") && it.scrollWidth > it.clientWidth + 1)
              .filter((it) => getComputedStyle(it).display !== "inline").map((it) => it.outerHTML.slice(0, 80))"""
        )
        assert cut == [], address


@pytest.mark.parametrize("calm", [True, False])
def test_nothing_moves_for_people_who_asked_for_less_motion(
    open_page: OpenPage, control_plane: FakeControlPlane, calm: bool
) -> None:
    page = open_page(calm=calm)
    states = add_states(control_plane, team_of(control_plane))
    page.goto(f"/environments/{states.creating['id']}")
    expect(page.locator(".step.running")).to_be_visible()
    moving = page.evaluate("document.getAnimations().filter((it) => it.playState === 'running').length")
    assert (moving == 0) is calm
