"""Mails fit the kind of exemption that they speak of."""

from datetime import UTC, datetime

import pytest

from exemptions import letters
from exemptions.models import Exemption
from tests.exemptions import asks

pytestmark = pytest.mark.usefixtures("cast")
END = datetime(2099, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def exemption(rita):
    made = asks.drafted(rita)
    Exemption.objects.filter(pk=made.pk).update(ends_at=END)
    made.refresh_from_db()
    return made


def test_a_deferral_pauses_patching(exemption):
    assert letters.asks(exemption) == "leave 2 instances of payments unpatched until 01 Mar 2099 12:00 UTC"
    assert letters.allows(exemption).startswith("Patching of its instances pauses until 01 Mar 2099")
    assert letters.ends(exemption) == "Patching starts again."


def test_an_exclusion_leaves_its_patches_off_and_installs_the_others(exemption):
    exemption.kind, exemption.patches = Exemption.Kind.PATCH_EXCLUSION, ["KB1", "KB2"]
    assert letters.asks(exemption).startswith("leave KB1 and KB2 off 2 instances of payments until")
    assert "go without KB1 and KB2 until 01 Mar 2099" in letters.allows(exemption)
    assert letters.ends(exemption) == "The next runs of their window install KB1 and KB2 too."
