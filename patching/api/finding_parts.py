"""What is found on requests, windows and baselines, as the API tells it: findings with their fix, sizes, quotas."""

from collections.abc import Iterable, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from patching import findings, quotas
from patching.around import Around
from patching.findings import Finding, Planned

LEVELS = [(findings.WARNING, "Warning"), (findings.NOTE, "Note")]


class ClaimOut(serializers.Serializer[Any]):
    """A fact, what it rests on, and one way out."""

    code = serializers.CharField(help_text="What kind it is, such as overlap or late; empty for some notes.")
    level = serializers.ChoiceField(choices=LEVELS)
    claim = serializers.CharField()
    evidence = serializers.CharField()
    fix = serializers.CharField(help_text="What would mend it, in words.")
    items = serializers.ListField(
        child=serializers.DictField(),
        help_text="The items that ask for the fix, ready for a request; of an open request all of its items with "
        "the fix in them. Empty where nothing can be proposed.",
    )


class TurnOut(serializers.Serializer[Any]):
    """One task of one simulated opening; minutes are counted from when the window opens."""

    task = serializers.CharField(source="name")
    at_once = serializers.IntegerField()
    begins = serializers.FloatField()
    ends = serializers.FloatField()
    started = serializers.IntegerField()
    never_started = serializers.SerializerMethodField()

    @extend_schema_field(serializers.IntegerField())
    def get_never_started(self, turn: Any) -> int:
        return len(turn.left)


class SizeOut(serializers.Serializer[Any]):
    """How long a window is, and should be by three answers, in hours."""

    window = serializers.CharField(source="window.name")
    instances = serializers.IntegerField(source="window.instances")
    duration = serializers.IntegerField(source="window.spec.duration")
    cutoff = serializers.IntegerField(source="window.spec.cutoff")
    guide = serializers.IntegerField(source="guide.hours", help_text="4 h, and 1 h more for every 50.")
    ams_table = serializers.IntegerField(
        source="table.hours",
        allow_null=True,
        help_text="Of each of ams_windows; null beyond 1,500 instances.",
    )
    ams_windows = serializers.IntegerField(source="table.windows")
    rehearsal = serializers.IntegerField(
        source="rehearsal.hours", allow_null=True, help_text="null where 24 h are not enough."
    )
    tasks = TurnOut(many=True, source="opening.turns")


class QuotaOut(serializers.Serializer[Any]):
    """One quota of one account-region: used now, asked for on top, and left then."""

    account = serializers.CharField()
    region = serializers.CharField()
    quota = serializers.CharField(source="label")
    used = serializers.IntegerField(source="now")
    not_ours = serializers.IntegerField(source="others", help_text="Of those used.")
    asked = serializers.IntegerField()
    left = serializers.IntegerField(help_text="Below zero where it does not fit.")
    limit = serializers.IntegerField()
    source = serializers.ChoiceField(  # type: ignore[assignment]
        choices=["told", "default", "ams"],
        help_text="told by Service Quotas, AWS's published default, or AMS's own limit.",
    )


class FoundOut(serializers.Serializer[Any]):
    """Everything that somebody should know before deciding."""

    findings = ClaimOut(many=True)
    sizes = SizeOut(many=True)
    quotas = QuotaOut(many=True)


def found_out(
    found: Sequence[Finding], windows: Sequence[Planned], around: Around, *, live: bool = False
) -> dict[str, Any]:
    """The answer of FoundOut. ``live`` leaves out of each fix what stays as it is."""
    told = [(one, _items(one, windows, around, live=live)) for one in found]
    return dict(
        FoundOut(
            {
                "findings": [
                    {
                        "code": one.code,
                        "level": one.level,
                        "claim": one.claim,
                        "evidence": one.evidence,
                        "fix": one.fix,
                        "items": items,
                    }
                    for one, items in told
                ],
                "sizes": findings.sizes_of(windows),
                "quotas": list(_quotas(around)),
            }
        ).data
    )


def _items(one: Finding, windows: Sequence[Planned], around: Around, *, live: bool) -> list[dict[str, Any]]:
    items = findings.items_with(one.key, [one], windows, around) if one.edits else None
    return [item for item in items or [] if not (live and item in around.items)]


def _quotas(around: Around) -> Iterable[dict[str, Any]]:
    for place in around.places:
        for one in quotas.of(around, place):
            yield {
                "account": place.account.account_id,
                "region": place.region,
                **{
                    name: getattr(one, name)
                    for name in ("label", "now", "others", "asked", "left", "limit", "source")
                },
            }
