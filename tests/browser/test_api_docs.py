"""The API's page: it renders under the content security policy, and calls the API as whoever is signed in."""

import pytest

pytestmark = pytest.mark.browser


def test_the_page_lists_the_endpoints_and_calls_one(visit, rita):
    page = visit("/api/v1/docs/", as_=rita)
    me = page.locator("#operations-me-me")
    me.wait_for()
    assert page.locator(".opblock-tag-section").count() > 10

    me.click()
    me.get_by_role("button", name="Try it out").click()
    me.get_by_role("button", name="Execute").click()

    answer = me.locator(".live-responses-table .response .response-col_description")
    answer.wait_for()
    assert '"username": "rita"' in answer.inner_text()


def test_whoever_is_not_signed_in_is_asked_to(visit, db):
    page = visit("/api/v1/docs/")
    assert "/accounts/login/?next=/api/v1/docs/" in page.url
