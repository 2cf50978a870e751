"""One small world for the route table: an object of every kind that an address can name, all of the team payments."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from exemptions import workflow
from exemptions.models import Document, Exemption
from patching.models import (
    ChangeRequest,
    MaintenanceWindow,
    ManagedInstance,
    PatchBaseline,
    PatchFinding,
    PatchGroup,
    Scan,
    Selector,
)
from portal.governance import audit
from portal.governance.models import ApiToken, AuditEntry, Delegation, Membership, RoleGrant, User
from tests import asks, factories, people
from tests.exemptions import asks as exempt
from tests.patching.api import fleet

ROLES = ("rita", "omar", "ines", "clara", "axel", "opal", "adam", "noor")


@dataclass
class World:
    """Who is there, in which session, and the key of each sample by name."""

    cast: dict[str, User]
    sessions: dict[str, str]
    samples: dict[str, Any]

    def reading(self, sample: str) -> dict[str, Any]:
        """What a decision on this sample names."""
        model = Exemption if "exemption" in sample else ChangeRequest
        current = model._default_manager.get(pk=self.samples[sample]).current
        return {"revision": current.number, "digest": current.digest, "reason": "As agreed."}


def build() -> World:
    cast = {name: people.person(name) for name in people.CAST}
    samples: dict[str, Any] = {**_requests(cast), **_exemptions(cast), **_patching(), **_governance(cast)}
    sessions = {
        name: people.signed_in(cast[name]).cookies[settings.SESSION_COOKIE_NAME].value for name in ROLES
    }
    return World(cast, sessions, samples)


def _requests(cast: dict[str, User]) -> dict[str, Any]:
    """Decided, drafted, submitted and failed requests, about different windows."""
    instances = asks.fleet()
    decided = asks.submitted(cast["rita"], asks.ha_items(instances))
    asks.approve(decided, *(cast[name] for name in ("omar", "ivan", "clara")))
    spare = factories.instance(factories.application(), "prod")
    items = [asks.window_item([spare], "prod", name="payments-spare")]
    failed = asks.drafted(cast["rita"], items)
    ChangeRequest.objects.filter(pk=failed.pk).update(state=ChangeRequest.State.FAILED)
    return {
        "approved request": decided.pk,
        "draft request": asks.drafted(cast["rita"], items).pk,
        "submitted request": asks.submitted(cast["rita"], items).pk,
        "failed request": failed.pk,
        "instance": instances[0].pk,
        "window": MaintenanceWindow.objects.get(name="payments-prod-a").pk,
        "patch group": PatchGroup.objects.get(name="payments-prod").pk,
        "baseline": PatchBaseline.objects.get(name="payments-prod-win").pk,
    }


def _exemptions(cast: dict[str, User]) -> dict[str, Any]:
    """Drafted with a document, submitted, and in force."""
    of = list(MaintenanceWindow.objects.get(name="payments-prod-a").spec["instances"])
    instances = list(ManagedInstance.objects.filter(instance_id__in=of))
    draft = exempt.drafted(cast["rita"], instances)
    workflow.attach(draft, exempt.document(), by=cast["rita"])
    return {
        "draft exemption": draft.pk,
        "submitted exemption": exempt.submitted(cast["rita"], instances).pk,
        "approved exemption": exempt.approved(cast["rita"], instances).pk,
        "document": Document.objects.get(exemption=draft).pk,
    }


def _patching() -> dict[str, Any]:
    scan = fleet.scanned(ManagedInstance.objects.order_by("pk")[0], "Critical")
    place = factories.account_region()
    return {
        "scan": Scan.objects.get(pk=scan.pk).pk,
        "finding": PatchFinding.objects.get().pk,
        "account region": place.pk,
        "account": place.account_id,
        "push run": fleet.run(place).pk,
        "application": factories.application().pk,
        "selector": Selector.objects.filter(application__slug="payments").order_by("pk")[0].pk,
    }


def _governance(cast: dict[str, User]) -> dict[str, Any]:
    with transaction.atomic():
        audit.record("account.registered", factories.account(), by=None, team=people.team("payments"))
    token, _ = ApiToken.objects.create(cast["rita"], name="nightly export", scopes=["read"])
    return {
        "audit entry": AuditEntry.objects.latest("seq").pk,
        "token": token.token_key,
        "rita": cast["rita"].pk,
        "ivan": cast["ivan"].pk,
        "delegation": Delegation.objects.get().pk,
        "membership": Membership.objects.get(user=cast["rita"]).pk,
        "role": RoleGrant.objects.get(user=cast["ivan"]).pk,
    }
