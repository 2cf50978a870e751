"""How long a maintenance window should be for the instances it patches. Pure."""

LONGEST = 24
CUTOFF = 1


def recommended_hours(instances: int) -> int:
    """AMS's rule: 4 hours with a 1 hour cutoff, and 1 more hour per 50 instances; AWS allows 24 at most.

    Source: AMS Accelerate User Guide, "Patching recommendations".
    """
    return min(LONGEST, 4 + instances // 50)
