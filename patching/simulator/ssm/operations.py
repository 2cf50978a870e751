"""All of SSM that we answer ourselves, joined."""

from patching.simulator.ssm.run_command import RunCommand


class Ssm(RunCommand):
    """One account's SSM in one region."""
