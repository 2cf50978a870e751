"""Which mirrors are on follows the settings, and none is on by itself."""

import pytest

from patching import mirrored


@pytest.mark.parametrize(
    ("hub", "items", "kinds"),
    [
        (False, False, set()),
        (True, False, {"security_hub"}),
        (False, True, {"compliance_items"}),
        (True, True, {"security_hub", "compliance_items"}),
    ],
)
def test_settings_switch_them(settings, hub, items, kinds):
    assert mirrored.switched_on() == set()
    settings.MIRROR_SECURITY_HUB, settings.MIRROR_COMPLIANCE_ITEMS = hub, items
    assert mirrored.switched_on() == kinds
