"""What every adapter that writes has in common: it reads what is ours, and turns a spec into one exact AWS call."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from patching.aws.errors import translated
from patching.aws.marks import Call, Ids, Mark, Names, Observed
from patching.aws.session import Clients
from patching.specs import Spec

S = TypeVar("S", bound=Spec)
# the most rows that AWS gives at once (botocore's service models)
PAGE_SIZES = {
    "describe_maintenance_window_targets": 100,
    "describe_maintenance_window_tasks": 100,
    "describe_maintenance_windows": 100,
    "describe_patch_baselines": 100,
    "describe_patch_groups": 100,
    "describe_tags": 1000,
    "list_schedules": 100,
}


@dataclass
class Adapter(ABC, Generic[S]):
    """Only ``read`` talks to AWS. The verbs return the call; who sends it has written it down before."""

    clients: Clients
    installation: str
    restore_role: str

    kind: ClassVar[str]
    permissions: ClassVar[tuple[str, ...]]

    @abstractmethod
    def read(self, names: Names) -> Iterator[Observed]:
        """Everything of this kind that is ours, and what sits in its place."""

    @abstractmethod
    def create(self, spec: S, mark: Mark, token: str, ids: Ids) -> Call: ...

    @abstractmethod
    def update(self, spec: S, seen: Observed, ids: Ids) -> Call: ...

    @abstractmethod
    def delete(self, seen: Observed, earlier: str | None) -> Call:
        """Take it away; ``earlier`` is what stood there before us and is given back (instance tags)."""

    @abstractmethod
    def made_id(self, spec: S, call: Call, reply: Mapping[str, Any]) -> str:
        """The AWS id of what a create call made."""

    def adopt(self, aws_id: str, mark: Mark) -> Call:
        """Put our mark on what somebody else made. Only what can be tagged can be adopted."""
        raise NotImplementedError(f"A {self.kind} carries no tags.")

    def prepare(self, token: str) -> Call | None:
        """A call that has to come before the first create, if any."""
        return None

    def pages(self, service: str, operation: str, result: str, **request: Any) -> Iterator[dict[str, Any]]:
        """All rows of a paged read, in the largest pages that AWS gives. ``operation`` in boto3's spelling."""
        with translated(operation):
            paginator = getattr(self.clients, service).get_paginator(operation)
            largest = {"PageSize": PAGE_SIZES[operation]} if operation in PAGE_SIZES else {}
            for page in paginator.paginate(**request, PaginationConfig=largest):
                yield from page.get(result) or []

    def ask(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """One plain read."""
        with translated(operation):
            reply: dict[str, Any] = getattr(getattr(self.clients, service), operation)(**request)
        return reply
