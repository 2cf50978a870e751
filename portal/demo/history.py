"""What has happened in the demo company before a visitor comes: windows of two teams, and exemptions in every state.

All of it goes through the verbs, by the people who would do it. Payments are left for the visitor to set up.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from exemptions import documents, offers, renewing, reviewing, workflow
from exemptions.models import Exemption
from patching import pull
from patching import workflow as requests
from patching.models import AccountRegion, ChangeRequest, MaintenanceWindow, ManagedInstance
from portal.demo import known
from portal.demo.company import APPLICATIONS, REGION
from portal.governance import clock, conversation
from portal.governance.models import Membership, Outcome, Team, User

WHY = "The team has patched by hand so far and hands it over."
SYSTEM = "AMAZON_LINUX_2023"
STATEMENT = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
TRIED = "The update was tried on a clone; the nightly run failed and was taken back."
FIX = "The vendor's next release works with it; it is tested and rolled out as soon as it is there."
# late in the month, so that the windows of the HA Windows application come first
WINDOW: Mapping[str, Any] = {
    "schedule": "cron(0 2 ? * SUN#4 *)",
    "timezone": "Europe/Berlin",
    "duration": 3,
    "cutoff": 1,
    "tasks": [{"name": "Install", "kind": "install"}],
}
BASELINE: Mapping[str, Any] = {
    "OperatingSystem": SYSTEM,
    "ApprovalRules": {
        "PatchRules": [
            {
                "PatchFilterGroup": {"PatchFilters": [{"Key": "CLASSIFICATION", "Values": ["*"]}]},
                "ApproveAfterDays": 0,
            }
        ]
    },
}
CONTROLS: Sequence[Mapping[str, str]] = (
    {"what": "Reachable from the bastion host only", "kind": "network", "evidence": "vendor-statement.pdf"},
    {"what": "Security operations watch its logs", "kind": "monitoring"},
)
WORDS: Mapping[str, Any] = {
    "root_cause": Exemption.RootCause.VENDOR,
    "reason": "The update breaks a driver that the vendor has not certified yet; without it nothing runs.",
    "tried": TRIED,
    "fix_plan": FIX,
    "compensating_controls": CONTROLS,
    "exposure": Exemption.Exposure.INTERNAL,
    "data_class": Exemption.DataClass.INTERNAL,
}


def write() -> None:
    """Read the inventory, then tell the story; all of it or nothing. Raises DomainError where a verb refuses."""
    for place in AccountRegion.objects.filter(region=REGION).select_related("account"):
        pull.pull(place)
    known.fill()
    with transaction.atomic():
        _tell()


def _tell() -> None:
    _staff_claims()
    _set_up("claims-web", "rita", ("dev", "test", "prod"), "omar")
    _set_up("data-lake", "noor", ("dev", "test"), "ivan")
    _in_force()
    _waiting()
    _answered()
    _move_window_of_lake()


def _staff_claims() -> None:
    """Rita and Omar look after the claims application too."""
    claims = Team.objects.get(slug="claims")
    Membership.objects.create(team=claims, user=_person("rita"))
    Membership.objects.create(team=claims, user=_person("omar"), is_lead=True)


def _set_up(slug: str, asker: str, environments: Sequence[str], lead: str) -> None:
    """In each environment a baseline for Amazon Linux, a group and a window."""
    items = []
    for environment in environments:
        place = {
            "application": slug,
            "environment": environment,
            "account": APPLICATIONS[slug][1][environment],
            "region": REGION,
        }
        servers = _servers_of(slug, environment)
        name = f"{slug}-{environment}"
        baseline = {"application": slug, "environment": environment, "definition": BASELINE}
        items.append(_create("baseline", {**baseline, "name": f"{name}-linux"}))
        group = {"name": name, "baselines": {SYSTEM: f"{name}-linux"}}
        linux = [one.instance_id for one in servers if one.operating_system == SYSTEM]
        items.append(_create("patch-group", {**place, **group, "instances": linux}))
        members = [one.instance_id for one in servers]
        items.append(_create("window", {**place, **WINDOW, "name": name, "instances": members}))
    _agree(_person(asker), f"Patch {slug} by window", items, lead)


def _in_force() -> None:
    """A deferral, an exclusion, one that ends soon with its renewal drafted, and one that will be reviewed."""
    long = _asked(
        "rita", ["claims-prod-b-01"], 25, "Keep the claims gateway out of its window until release 8"
    )
    _approve(long)
    _approve(
        _asked(
            "rita",
            ["claims-test-a-01", "claims-test-b-01"],
            28,
            "Leave the composer update off the claims test servers",
            kind=Exemption.Kind.PATCH_EXCLUSION,
            patches=["composer.noarch"],
        )
    )
    soon = _approve(_asked("rita", ["claims-test-b-02"], 4, "Keep the load test server still for a week"))
    renewing.renew(
        soon,
        by=_person("rita"),
        ends_at=soon.ends_at + timedelta(days=1),
        reason="The load test takes a day longer than planned.",
    )
    _approve(
        _asked("noor", ["lake-dev-a-01"], 20, "Keep the Java of the data lake until its jobs are ported")
    )


def _waiting() -> None:
    """Two of low risk, and one that needs the CISO and security operations, with something open to discuss."""
    for name in ("claims-dev-a-02", "claims-dev-b-02"):
        _asked(
            "rita",
            [name],
            10,
            f"Keep {name} still while the cache is measured",
            root_cause=Exemption.RootCause.DOWNTIME,
        )
    risky = _asked(
        "rita",
        ["claims-prod-a-02", "claims-prod-a-01"],
        60,
        "Keep the customer portal out of its window until it is rebuilt",
        root_cause=Exemption.RootCause.REPLACED,
        exposure=Exemption.Exposure.INTERNET,
        data_class=Exemption.DataClass.RESTRICTED,
    )
    ines, rita = _person("ines"), _person("rita")
    conversation.say(
        risky, by=ines, text="Which rules of the web firewall cover these servers, @rita?", blocking=True
    )
    conversation.say(risky, by=rita, text="The rule set of the shop. I ask for the list and add it here.")


def _answered() -> None:
    """An offer that waits for the team, one sent back, one rejected."""
    offered = _asked("rita", ["claims-prod-b-02"], 28, "Keep the document store out of its window")
    ends_at = clock.now() + timedelta(days=14)
    reason = "Two weeks are enough to test the driver."
    offers.counter_offer(
        offered,
        by=_person("clara"),
        **_read(offered, "clara"),
        reason=reason,
        ends_at=ends_at,
        condition="The SOC reads its logs every day.",
    )
    for name, outcome, reason in (
        ("lake-test-a-01", Outcome.REQUEST_CHANGES, "Say which job fails, and attach its log."),
        ("lake-test-b-02", Outcome.REJECT, "The update was installed in development without trouble."),
    ):
        asked = _asked("noor", [name], 21, f"Keep {name} out of its window while reports are rebuilt")
        workflow.decide(asked, outcome=outcome, by=_person("clara"), **_read(asked, "clara"), reason=reason)


def _move_window_of_lake() -> None:
    """The window under an exemption in force is decided anew, so that a review is due."""
    window = MaintenanceWindow.objects.live().get(name="data-lake-dev")
    spec = {**window.spec, "schedule": "cron(0 3 ? * SUN#4 *)"}
    item = {"action": "change", "kind": "window", "target": window.pk, "spec": spec}
    _agree(_person("noor"), "Patch data-lake in development an hour later", [item], "ivan")
    reviewing.find()


def _asked(by: str, names: Sequence[str], days: int, title: str, **changes: Any) -> Exemption:
    """An exemption, submitted with its document."""
    person = _person(by)
    instances = list(ManagedInstance.objects.present().filter(name__in=names))
    words = {**WORDS, "title": title, "instances": instances, "ends_at": clock.now() + timedelta(days=days)}
    application = instances[0].application
    assert application is not None
    exemption = workflow.draft(by=person, application=application, **{**words, **changes})
    workflow.attach(exemption, SimpleUploadedFile("vendor-statement.pdf", STATEMENT), by=person)
    return workflow.submit(exemption, by=person)


def _approve(exemption: Exemption) -> Exemption:
    for slot, name in (("ciso", "clara"), ("security_operations", "ivan")):
        if slot in exemption.needs:
            exemption = workflow.approve(exemption, by=_person(name), **_read(exemption, name))
    return exemption


def _agree(by: User, title: str, items: list[dict[str, Any]], lead: str) -> None:
    """A change request that everybody approves whose word it needs."""
    request = requests.submit(requests.draft(by=by, title=title, reason=WHY, items=items), by=by)
    deciders = {
        "team_lead": lead,
        "lead_or_security": lead,
        "security_operations": "ines",
        "ciso": "clara",
    }
    for slot in request.needs:
        request = requests.approve(request, by=_person(deciders[slot]), **_reading(request))


def _read(exemption: Exemption, name: str) -> dict[str, Any]:
    """Somebody opens its documents before they decide."""
    for document in exemption.documents.all():
        documents.read(document, by=_person(name))
    return _reading(exemption)


def _reading(thing: Exemption | ChangeRequest) -> dict[str, Any]:
    """What somebody sends who has just read it, freshly signed in."""
    thing.refresh_from_db()
    assert thing.current is not None
    current = thing.current
    return {"revision": current.number, "digest": current.digest, "signed_in_at": clock.real_now()}


def _servers_of(slug: str, environment: str) -> list[ManagedInstance]:
    mine = ManagedInstance.objects.present().filter(
        application__slug=slug, environment__slug=environment, is_managed=True, auto_scaling_group=""
    )
    return list(mine.order_by("name"))


def _create(kind: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    return {"action": "create", "kind": kind, "target": None, "spec": dict(spec)}


def _person(username: str) -> User:
    return User.objects.get(username=username)
