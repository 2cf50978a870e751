"""What operators look at, over forty account-regions: nothing keeps anybody out, in light, in dark and on a phone."""

import pytest
from django.urls import reverse

from patching.models import PushRun, Unmanaged
from portal.governance import clock
from portal.governance.models import Heartbeat
from tests import many_places, people
from tests.browser.looks import LOOKS

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def pages(transactional_db):
    """The pages by name; the account of the story has drift, trouble and strangers."""
    here = many_places.build()
    Heartbeat.objects.create(name="tick", at=clock.real_now())
    account = reverse("patching:account-detail", args=[here.pk])
    run = PushRun.objects.filter(account_region=here).exclude(plan=[]).get()
    return {
        "operations": reverse("patching:operations"),
        "operations-drift": f"{reverse('patching:operations')}?concern=drift",
        "accounts": reverse("patching:account-list"),
        "account": account,
        "drift": f"{account}?tab=drift",
        "resources": f"{account}?tab=resources",
        "unmanaged": f"{account}?tab=unmanaged",
        "push": reverse("patching:push-detail", args=[run.pk]),
        "adopt": reverse("patching:adopt", args=[Unmanaged.objects.filter(kind="window")[0].pk]),
        "setup": reverse("patching:account-setup", args=[here.account_id]),
    }


@pytest.mark.parametrize("look", LOOKS)
def test_nobody_is_kept_out_of_what_operators_look_at(pages, visit, barriers, settings, subtests, look):
    settings.HUB_ROLE_ARN = "arn:aws:iam::111111111111:role/PatchwardenHub"
    opal, rita = people.person("opal"), people.person("rita")
    for name, address in pages.items():
        with subtests.test(page=name):
            page = visit(address, as_=rita if name == "adopt" else opal, **LOOKS[look])
            for summary in page.locator("main details > summary").all()[:6]:
                summary.click()
            assert barriers(page) == []
            wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, f"{name} scrolls sideways by {wide} px"
