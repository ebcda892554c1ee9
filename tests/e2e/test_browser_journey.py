"""The journey of a new user in a real browser, with pictures of each station."""

from __future__ import annotations

import re
import subprocess

import pytest
import requests
from playwright.sync_api import Page, expect

from tests.chromium import ARTEFACTS, running_chromium
from tests.e2e.product import Product

pytestmark = [pytest.mark.e2e, pytest.mark.browser, pytest.mark.timeout(600)]


def test_new_user_signs_in_creates_an_environment_and_asks_it(product: Product) -> None:
    with running_chromium() as browser:
        product.start()
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=product.console_url)
        page = context.new_page()
        page.set_default_timeout(30_000)
        sign_in(page, product)
        create_environment(page)
        reveal_both_keys(page)
        run_the_copied_snippet(page)
        delete_environment(page)
        sign_out(page)


def picture(page: Page, name: str) -> None:
    """Keep a screenshot of the whole page as a test artefact."""
    ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTEFACTS / f"journey-{name}.png", full_page=True)


def sign_in(page: Page, product: Product) -> None:
    page.goto(product.console_url)
    picture(page, "1-landing")
    page.get_by_role("link", name="Sign in").first.click()
    email, password = product.owner
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password").fill(password)
    picture(page, "2-sign-in")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    picture(page, "3-no-environments")


def create_environment(page: Page) -> None:
    page.get_by_role("link", name="New environment").first.click()
    page.get_by_role("button", name="Create environment").click()
    expect(page.get_by_text("Give the environment a name.")).to_be_visible()
    page.get_by_label("Name").fill("shop")
    page.get_by_role("button", name="Create environment").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("shop")
    expect(page.locator("ol.steps li").first).to_be_visible()
    picture(page, "4-creating")
    expect(page.get_by_role("heading", name="Connect")).to_be_visible()
    picture(page, "5-running")


def reveal_both_keys(page: Page) -> None:
    for access, pattern in (("read-only", r"^vakka_ro_\S{43}$"), ("read/write", r"^vakka_rw_\S{43}$")):
        page.get_by_role("button", name=f"Reveal the {access} key").click()
        element = page.locator(f"#key-{access.replace('/', '-')}-value")
        expect(element).to_have_text(re.compile(pattern))
    picture(page, "6-keys-revealed")


def run_the_copied_snippet(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Copy.*curl", re.IGNORECASE)).click()
    expect(page.get_by_role("button", name=re.compile("Copied", re.IGNORECASE))).to_be_visible()
    snippet = page.evaluate("navigator.clipboard.readText()")
    finished = subprocess.run(["bash", "-ec", snippet], capture_output=True, text=True, timeout=60, check=False)
    assert finished.returncode == 0, finished.stderr
    assert '"feature":"bakery"' in finished.stdout.replace(" ", "")


def delete_environment(page: Page) -> None:
    url = page.locator("#environment-url").inner_text()
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("to confirm").fill("shoop")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator(".problem")).to_be_visible()
    picture(page, "7-delete-refused")
    page.get_by_label("to confirm").fill("shop")
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environments")
    picture(page, "8-deleted")
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/version", timeout=5)


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    page.goto(page.url.rstrip("/") + "/environments")
    expect(page.get_by_label("E-mail")).to_be_visible()
