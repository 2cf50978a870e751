"""What one process of many does to the database: drafts, one after the other, and how each ended."""

import json
import sys
import time

from django.db import OperationalError

from patching import workflow
from patching.models import ManagedInstance
from portal.governance.models import User
from tests import asks


def draft(name: str, number: str) -> None:
    """Write that many drafts; tells as JSON how many there were, how many were refused, and the longest wait."""
    rita = User.objects.get(username="rita")
    items = [asks.window_item(list(ManagedInstance.objects.order_by("pk")[:2]))]
    locked, longest = 0, 0.0
    for count in range(int(number)):
        began = time.monotonic()
        try:
            workflow.draft(by=rita, title=f"Patch {name} {count}", reason=asks.REASON, items=items)
        except OperationalError:
            locked += 1
        longest = max(longest, time.monotonic() - began)
    sys.stdout.write(json.dumps({"drafts": int(number), "refused": locked, "longest": longest}) + "\n")
