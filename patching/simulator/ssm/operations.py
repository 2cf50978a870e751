"""All of SSM that we answer ourselves, joined."""

from patching.simulator.ssm.associations import Associations
from patching.simulator.ssm.automation import Automation
from patching.simulator.ssm.data_syncs import DataSyncs
from patching.simulator.ssm.documents import Documents
from patching.simulator.ssm.inventory import Inventory
from patching.simulator.ssm.run_command import RunCommand


class Ssm(RunCommand, Automation, Documents, Inventory, DataSyncs, Associations):
    """One account's SSM in one region."""
