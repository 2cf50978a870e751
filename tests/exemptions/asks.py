"""Ready-made exemptions: instances in a live window, evidence to upload, and an exemption brought to a state."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exemptions import workflow
from exemptions.models import Exemption
from patching.models import AccountRegion, ManagedInstance, PushRun, ResourceState, Waiver
from patching.specs import DEFERRED
from portal.governance import clock
from portal.governance.models import User
from tests import asks, factories, people

TITLE = "Keep the payment switch out of its window"
REASON = "The vendor certifies its switch against the August update only; before that it loses messages."
CONTROLS = "The hosts are reachable from the card network only, and the SOC watches them."


def servers(number: int = 2, env: str = "prod") -> list[ManagedInstance]:
    """Instances of payments in a live window named payments-<env>, decided by those whose word it needs."""
    factories.payments()
    made = [factories.instance(env=env) for _ in range(number)]
    in_a_window(made, env)
    return made


def in_a_window(instances: Sequence[ManagedInstance], env: str = "prod", **changes: Any) -> None:
    deciders = ("omar", "ivan") if env == "prod" else ("omar",)
    item = asks.window_item(instances, env, **changes)
    asks.in_effect(people.person("rita"), [item], *(people.person(name) for name in deciders))


def document(
    name: str = "vendor-statement.pdf", content: bytes = b"%PDF-1.7 signed\n%%EOF"
) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def office(member: str = "word/document.xml", **members: bytes) -> bytes:
    """A zip file with such a member, as Word and Excel write them."""
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": b"<Types/>", member: b"<document/>", **members}.items():
            archive.writestr(name, content)
    return stored.getvalue()


def wish(instances: Sequence[ManagedInstance], **changes: Any) -> dict[str, Any]:
    """The words of an ask, ten days long."""
    return {
        "title": TITLE,
        "root_cause": Exemption.RootCause.BREAKS,
        "reason": REASON,
        "compensating_controls": CONTROLS,
        "tried": "The vendor's hotfix 4.2 was tried on a clone; messages were lost all the same.",
        "fix_plan": "Version 5 of the switch is certified in two weeks and is then rolled out.",
        "exposure": Exemption.Exposure.INTERNAL,
        "data_class": Exemption.DataClass.CONFIDENTIAL,
        "instances": instances,
        "ends_at": clock.now() + timedelta(days=10),
        **changes,
    }


def drafted(by: User, instances: Sequence[ManagedInstance] | None = None, **changes: Any) -> Exemption:
    instances = servers() if instances is None else instances
    return workflow.draft(by=by, application=factories.application(), **wish(instances, **changes))


def submitted(by: User, instances: Sequence[ManagedInstance] | None = None, **changes: Any) -> Exemption:
    exemption = drafted(by, instances, **changes)
    workflow.attach(exemption, document(), by=by)
    return workflow.submit(exemption, by=by)


def approved(by: User, instances: Sequence[ManagedInstance] | None = None, **changes: Any) -> Exemption:
    """Asked for by somebody, decided by clara and, where it needs their word, ivan."""
    return decided(submitted(by, instances, **changes))


def decided(exemption: Exemption) -> Exemption:
    for slot, name in (("ciso", "clara"), ("security_operations", "ivan")):
        if slot in exemption.needs:
            exemption = workflow.approve(exemption, by=people.person(name), **reading(exemption))
    return exemption


def reading(exemption: Exemption) -> dict[str, Any]:
    """What somebody sends who has just read the current revision, freshly signed in."""
    exemption.refresh_from_db()
    assert exemption.current is not None
    return {
        "revision": exemption.current.number,
        "digest": exemption.current.digest,
        "signed_in_at": clock.real_now(),
    }


def pushed(place: AccountRegion | None = None, **values: str) -> PushRun:
    """What a push leaves behind in our rows: every waived or once waived tag read back, and the ways back.

    ``values`` by ``i_…`` override what the tag of an instance shows.
    """
    place = place or factories.account_region()
    now = clock.now()
    for waiver in Waiver.objects.filter(instance__account_region=place).select_related("instance"):
        held = Waiver.objects.in_force(now).filter(instance=waiver.instance).exists()
        value = values.get(
            waiver.instance.instance_id.replace("-", "_"), DEFERRED if held else waiver.restores_to
        )
        resource(waiver, "tag", applied={"value": value})
        back = ResourceState.Condition.IN_SYNC if held else ResourceState.Condition.REMOVED
        resource(waiver, "schedule", condition=back)
    return PushRun.objects.create(
        account_region=place,
        state=PushRun.State.SUCCEEDED,
        trigger="tick",
        generation=1,
        fence=1,
        started_at=now,
        finished_at=now,
    )


def resource(waiver: Waiver, kind: str, **fields: Any) -> ResourceState:
    """What we remember of the tag or the way back of a waived instance."""
    place = waiver.instance.account_region
    key = f"{waiver.instance.instance_id}:{place.account.window_tag}"
    given = {
        "label": key,
        "uid": f"{kind}-{waiver.instance.pk}",
        "sources": [{"kind": "waiver", "id": str(waiver.pk), "digest": waiver.source_digest}],
        "condition": ResourceState.Condition.IN_SYNC,
        "changed_at": clock.now(),
        **fields,
    }
    return ResourceState.objects.update_or_create(account_region=place, kind=kind, key=key, defaults=given)[0]


def queries_of(ask: Callable[[], Any]) -> int:
    """How many queries something costs; the demo's clock is asked at most once beside them."""
    clock.now()
    with CaptureQueriesContext(connection) as asked:
        ask()
    return len([one for one in asked if "clockshift" not in one["sql"]])


def later(monkeypatch: Any, moment: datetime) -> None:
    """The portal's clock stands at this moment from now on."""
    monkeypatch.setattr(clock, "now", lambda: moment)
