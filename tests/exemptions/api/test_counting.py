"""Debt and decision quality through the API: the same numbers as on the pages."""

import pytest

from exemptions import debt
from patching.models import PatchFinding
from portal.governance import clock
from tests.exemptions import asks

DEBT, QUALITY = "/api/v1/exemptions/debt/", "/api/v1/exemptions/quality/"


@pytest.fixture
def held(cast):
    """Two servers of payments that lack a critical patch each, excused since an instant."""
    servers = asks.servers()
    for server in servers:
        PatchFinding.objects.create(
            instance=server,
            patch_id="KB1",
            severity="Critical",
            state="missing",
            first_seen_at=clock.now(),
            last_seen_at=clock.now(),
        )
    return asks.approved(cast["rita"], servers)


def test_debt_is_told_with_its_weights_and_every_cut(cast, held, call_api):
    found = call_api(cast["clara"]).get(DEBT).json()
    assert found["weights"] == {"critical": 10, "important": 5, "moderate": 2, "low": 1, "other": 1}
    assert found["formula"] == debt.FORMULA
    assert (found["everything"]["total"], found["everything"]["instances"]) == (20, 2)
    for cut in ("age", "renewal", "team", "application", "root_cause", "kind", "exposure", "data_class"):
        assert sum(group["total"] for group in found[f"by_{cut}"]) == 20
    assert found["by_team"][0]["register"] == "/exemptions/?in_force=on&team=payments"


def test_a_stranger_has_no_debt(cast, held, call_api):
    assert call_api(cast["noor"]).get(DEBT).json()["everything"]["exemptions"] == 0


def test_quality_is_told_by_role_with_the_lists_behind_it(cast, held, call_api):
    found = call_api(cast["axel"]).get(QUALITY, {"days": 30}).json()
    assert found["days"] == 30
    assert [one["key"] for one in found["by_slot"]] == ["ciso", "security_operations"]
    assert found["by_slot"][0]["approvals"] == 1
    measures = {one["key"]: one for one in found["measures"]}
    assert measures["unread"]["exemptions"] == 1
    assert measures["unread"]["register"] == "/exemptions/?quality=unread-30"


@pytest.mark.parametrize("query", [{"days": 31}, {"days": "x"}, {"day": 30}])
def test_a_period_that_is_none_is_refused(cast, call_api, query):
    assert call_api(cast["axel"]).get(QUALITY, query).status_code == 400
