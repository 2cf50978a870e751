"""Which mirrors of exemptions in other accounts are switched on here."""

from django.conf import settings

from patching.aws.mirrors import ComplianceItems, SecurityHub


def switched_on() -> frozenset[str]:
    """The kinds of mirrors in each account: ``security_hub``, ``compliance_items``, both or none."""
    asked = {
        SecurityHub.kind: settings.MIRROR_SECURITY_HUB,
        ComplianceItems.kind: settings.MIRROR_COMPLIANCE_ITEMS,
    }
    return frozenset(kind for kind, on in asked.items() if on)
