"""The adapters that write, one for each kind, in the order in which resources build on each other."""

from patching.aws.adapter import Adapter
from patching.aws.baselines import Baselines
from patching.aws.marks import Names, Observed
from patching.aws.registrations import Registrations
from patching.aws.schedules import Schedules
from patching.aws.session import Clients
from patching.aws.tags import Tags
from patching.aws.targets import Targets
from patching.aws.tasks import Tasks
from patching.aws.windows import Windows

CLASSES: tuple[type[Adapter], ...] = (Baselines, Registrations, Windows, Targets, Tasks, Schedules, Tags)


class Adapters:
    """Every adapter of one account-region, by kind."""

    def __init__(self, clients: Clients, *, installation: str, restore_role: str) -> None:
        self.clients = clients
        self.installation = installation
        self.windows = Windows(clients, installation, restore_role)
        self._by_kind = {cls.kind: cls(clients, installation, restore_role) for cls in CLASSES}
        self._by_kind[Windows.kind] = self.windows

    def __getitem__(self, kind: str) -> Adapter:
        return self._by_kind[kind]

    def read(self, names: Names) -> list[Observed]:
        """All that is ours, parents first: what a child belongs to is known by then."""
        return [seen for adapter in self._by_kind.values() for seen in adapter.read(names)]
