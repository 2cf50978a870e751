"""What the page of one exemption shows of its end: what it renews, what renews it, and its reviews. Reads only."""

from typing import Any

from exemptions import permissions, renewing, reviewing, shrinking
from exemptions.models import Exemption
from portal.governance import clock
from portal.governance.models import User


def of(exemption: Exemption, user: User) -> dict[str, Any]:
    """Context of the page's parts about renewals and reviews."""
    now = clock.now()
    holds = exemption.state_at(now) in ("active", "expiring")
    reviews = list(exemption.reviews.select_related("closed_by"))
    waiting = [one for one in reviews if one.closed_at is None] if holds else []
    return {
        "renews": exemption.renews,
        "renewal_ordinal": shrinking.ordinal(exemption.renewal),
        "renewed_by": permissions.renewal_of(exemption),
        "may_renew": renewing.may_renew(user, exemption),
        "open_reviews": [{"review": one, "overdue": one.due_at <= now} for one in waiting],
        "closed_reviews": [one for one in reviews if one.closed_at],
        "may_review": bool(waiting) and reviewing.may_close(user, exemption),
    }
