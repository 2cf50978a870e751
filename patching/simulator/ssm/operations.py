"""All of SSM that we answer ourselves, joined."""

from patching.simulator.ssm.compliance import Compliance
from patching.simulator.ssm.tasks import Tasks


class Ssm(Tasks, Compliance):
    """One account's SSM in one region."""
