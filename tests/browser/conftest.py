"""A real browser against the live site. A page that logs an error or breaks the content policy fails its test."""

import os
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from playwright.sync_api import Browser, Page, expect, sync_playwright

from portal.governance.models import User
from tests.conftest import CHROMIUM
from tests.people import signed_in

PICTURES = settings.BASE_DIR / "var" / "pictures"
DESKTOP = {"width": 1280, "height": 800}
PATIENCE = timedelta(seconds=15)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's chromium, one for all tests."""
    # playwright keeps an event loop in this thread, and Django would refuse to query beside it
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    expect.set_options(timeout=PATIENCE / timedelta(milliseconds=1))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def visit(chromium: Browser, live_server, transactional_db: None) -> Iterator[Callable[..., Page]]:
    """``visit("/requests/", as_=rita)``: that page, in a window of its own for each person."""
    pages: dict[tuple, Page] = {}
    complaints: list[str] = []

    def open_page(path: str = "/", as_: User | None = None, **options) -> Page:
        key = (as_.pk if as_ else None, *sorted(options))
        if key not in pages:
            context = chromium.new_context(viewport=options.pop("viewport", DESKTOP), **options)
            if as_ is not None:
                cookie = signed_in(as_).cookies[settings.SESSION_COOKIE_NAME].value
                context.add_cookies(
                    [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}]
                )
            page = context.new_page()
            page.set_default_timeout(PATIENCE / timedelta(milliseconds=1))
            page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
            page.on(
                "console",
                lambda line: complaints.append(f"{page.url}: {line.text}") if line.type == "error" else None,
            )
            pages[key] = page
        pages[key].goto(f"{live_server.url}{path}")
        return pages[key]

    yield open_page
    for page in pages.values():
        page.context.close()
    assert complaints == []


@pytest.fixture
def barriers() -> Callable[[Page], list[str]]:
    """What keeps people out of a page: axe's violations, each with the first place where it is."""

    def find(page: Page) -> list[str]:
        found = Axe().run(page).response["violations"]
        return [f"{rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in found]

    return find


@pytest.fixture
def look(barriers: Callable[[Page], list[str]]) -> Callable[[Page, str], None]:
    """``look(page, "name")``: no barrier on the page, nothing wider than the screen, and a picture of it."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def at(page: Page, name: str) -> None:
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    return at
