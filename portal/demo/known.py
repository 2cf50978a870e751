"""Fill the demo's catalogue by the doors that everybody has: AWS is asked, and two files are read.

The files are made from the data that the simulated AWS releases patches from, as MSRC and CISA would publish them.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from patching import offered
from patching.cataloguing import import_file
from patching.models import AccountRegion
from portal.governance import clock
from portal.governance.models import User

WINDOWS = Path(__file__).parents[2] / "patching" / "simulator" / "data" / "windows.json"
# CISA's known exploited vulnerabilities that the simulated patches fix (catalogue 2025.08.25, CC0-1.0)
EXPLOITED = {
    "dateReleased": "2025-08-25T17:04:19Z",
    "vulnerabilities": [
        {
            "cveID": "CVE-2025-33053",
            "vulnerabilityName": "Microsoft Windows External Control of File Name or Path Vulnerability",
            "dateAdded": "2025-06-10",
            "dueDate": "2025-07-01",
            "knownRansomwareCampaignUse": "Unknown",
            "requiredAction": "Apply mitigations per vendor instructions.",
        }
    ],
}


def fill() -> None:
    """Ask AWS, take what instances report, and read what the vendor and CISA have published until now."""
    for place in AccountRegion.objects.filter(last_pulled_at__isnull=False).select_related("account"):
        offered.keep_reported(place)
        offered.read(place)
    ines = User.objects.get(username="ines")
    rows = "\n".join(json.dumps(row) for row in _released())
    import_file(rows.encode(), name="windows-server-kbs.jsonl", format_name="windows-kbs", by=ines)
    content = json.dumps(EXPLOITED).encode()
    import_file(content, name="known_exploited_vulnerabilities.json", format_name="kev", by=ines)


def _released() -> list[dict[str, Any]]:
    """KB rows by product, of what is out by now."""
    patches = json.loads(WINDOWS.read_text(encoding="utf-8"))["patches"]
    kb_of = {one["id"]: one["kb"] for one in patches}
    return [
        {
            "KbNumber": one["kb"],
            "Product": product,
            "ReleaseDate": one["released"],
            "MsrcSeverity": one["severity"],
            "CVEIds": one.get("cves", []),
            "Supersedes": [kb_of.get(each, each) for each in one.get("supersedes", [])],
        }
        for one in patches
        for product in one["products"]
        if datetime.fromisoformat(one["released"]) <= clock.now()
    ]
