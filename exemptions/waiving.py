"""The waivers of an exemption: written at its approval, closed at its end, and what they made in AWS let go."""

from collections.abc import Collection, Mapping

from django.db.models import QuerySet

from exemptions.asked import groups_of, windows_of
from exemptions.models import Exemption
from patching import effects
from patching.models import AccountRegion, ManagedInstance, Waiver
from patching.models.governed import Governed
from portal.governance import clock


def waive(exemption: Exemption) -> None:
    """Write one waiver per instance and want a push. Inside the transaction of the approval."""
    assert exemption.current is not None
    now, places = clock.now(), set()
    instances = list(exemption.instances.select_related("account_region__account"))
    rows: Mapping[int, Governed] = (
        groups_of(instances) if exemption.kind == Exemption.Kind.PATCH_EXCLUSION else windows_of(instances)
    )
    for instance in instances:
        Waiver.objects.create(
            kind=exemption.kind,
            instance=instance,
            patches=exemption.patches,
            source=source_of(exemption),
            source_digest=exemption.current.digest,
            restores_to=rows[instance.pk].name,
            starts_at=now,
            ends_at=exemption.ends_at,
        )
        places.add(instance.account_region)
    _let_go_in(places)
    effects.want_push(places, f"approval of {exemption.number}")


def end_waivers(exemption: Exemption) -> None:
    """Close its waivers, let what they made leave AWS, and want a push. Safe to repeat."""
    now, places = clock.now(), set()
    running = waivers_of(exemption).filter(ended_at=None)
    for waiver in running.select_related("instance__account_region__account"):
        Waiver.objects.filter(pk=waiver.pk, ended_at=None).update(ended_at=now)
        places.add(waiver.instance.account_region)
    let_go(exemption)
    effects.want_push(places, f"end of {exemption.number}")


def narrow_waivers(exemption: Exemption, kept: Collection[ManagedInstance]) -> None:
    """Bring its running waivers down to what is left of it, and want a push. Inside the verb's transaction."""
    now = clock.now()
    running = waivers_of(exemption).filter(ended_at=None)
    waivers = list(running.select_related("instance__account_region__account"))
    for waiver in waivers:
        stays = waiver.instance in kept
        if stays and waiver.patches == exemption.patches:
            Waiver.objects.filter(pk=waiver.pk).update(ends_at=exemption.ends_at)
            continue
        Waiver.objects.filter(pk=waiver.pk).update(ended_at=now)
        if stays:  # what the old one made in AWS may leave, so the new one is another row
            Waiver.objects.create(
                kind=waiver.kind,
                instance=waiver.instance,
                patches=exemption.patches,
                source=waiver.source,
                source_digest=waiver.source_digest,
                restores_to=waiver.restores_to,
                starts_at=now,
                ends_at=exemption.ends_at,
            )
    places = {waiver.instance.account_region for waiver in waivers}
    _let_go_in(places)
    effects.want_push(places, f"narrowing of {exemption.number}")


def let_go(exemption: Exemption) -> None:
    """Allow what no waiver wants any more to leave AWS, in each place of this exemption. Safe to repeat."""
    ended = waivers_of(exemption).exclude(ended_at=None).select_related("instance__account_region__account")
    _let_go_in({waiver.instance.account_region for waiver in ended})


def _let_go_in(places: Collection[AccountRegion]) -> None:
    for place in sorted(places, key=lambda place: place.pk):
        effects.let_go_of_waived(place)


def waivers_of(exemption: Exemption) -> QuerySet[Waiver]:
    """The waivers that this exemption's approval or narrowing wrote, ended ones too."""
    return Waiver.objects.filter(source=source_of(exemption))


def source_of(exemption: Exemption) -> str:
    """How a waiver names the exemption behind it."""
    return f"exemption:{exemption.pk}"
