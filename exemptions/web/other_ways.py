"""What else installs patches on the instances of an exemption, in words for its page."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC

from exemptions.models import Exemption
from exemptions.waiving import waivers_of
from patching.models import ManagedInstance
from patching.other_ways import Way, installed_all_the_same, other_ways
from patching.words import listed

WORDS = {"window": "Window", "association": "Association", "patch policy": "Patch policy"}


def findings_of(exemption: Exemption, instances: Sequence[ManagedInstance]) -> list[dict[str, str]]:
    """What happened first, then what could: each with ``title``, ``level`` and ``evidence``."""
    by_way: dict[Way, list[str]] = defaultdict(list)
    ways = other_ways(instances)
    for instance in instances:
        for way in ways.get(instance.pk, ()):
            by_way[way].append(str(instance))
    waivers = waivers_of(exemption).select_related("instance")
    happened = [
        {
            "title": f"{one.instance} was patched all the same",
            "level": "error",
            "evidence": f"An installation ended at {one.at.astimezone(UTC):%d %b %Y %H:%M} UTC while this exemption "
            "held: Patch Now, or another way. Installing is not undone.",
        }
        for one in installed_all_the_same(waivers)
    ]
    return happened + [_coming(way, names) for way, names in by_way.items()]


def _coming(way: Way, names: Sequence[str]) -> dict[str, str]:
    reaches = "also patches" if way.certain else "may also patch"
    return {
        "title": f"{WORDS[way.kind]} {way.name} {reaches} {listed(names)}",
        "level": "warning",
        "evidence": f"{way.aws_id} is not managed by Patchwarden and this exemption does not hold it back. "
        "Ask its owner to leave these instances out, or bring it under management.",
    }
