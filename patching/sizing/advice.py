"""What AWS's guides say about the length of a window for so many instances. Pure."""

from typing import NamedTuple

LONGEST = 24
CUTOFF = 1


class Share(NamedTuple):
    """Hours of each window, and over how many windows the instances are spread."""

    hours: int
    windows: int


# Instances → hours and windows. Source: AMS Accelerate User Guide, "Plan your maintenance window": 30 minutes an
# instance, and nothing else runs. AMS takes at most 300 instances in one window.
AMS_TABLE = (
    (100, Share(1, 1)),
    (200, Share(1, 1)),
    (300, Share(2, 1)),
    (600, Share(3, 2)),
    (800, Share(4, 3)),
    (1200, Share(6, 4)),
    (1500, Share(8, 5)),
)


def recommended_hours(instances: int) -> int:
    """AMS's rule: 4 hours with a 1 hour cutoff, and 1 more hour per 50 instances; AWS allows 24 at most.

    Source: AMS Accelerate User Guide, "Patching recommendations".
    """
    return min(LONGEST, 4 + instances // 50)


def ams_table(instances: int) -> Share | None:
    """The first row of AMS's table that covers so many instances; None beyond its 1,500."""
    return next((share for most, share in AMS_TABLE if instances <= most), None)
