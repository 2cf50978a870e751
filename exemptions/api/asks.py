"""What the API takes of an ask: the questionnaire and the scope, each field with its shape."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_field
from rest_framework import serializers

from exemptions import asked
from exemptions.bulk import MOST
from exemptions.models import Exemption
from patching.clones import MOST_REJECTED
from patching.models import Application, ManagedInstance
from patching.words import listed
from portal.governance import roles
from portal.governance.api_parts import DecisionIn, In
from portal.governance.models import User

LARGEST_ID = 2**63 - 1
CONTROL_KINDS = list(asked.CONTROL_KINDS.items())
EXAMPLE = OpenApiExample(
    "Two instances until the vendor has a fix",
    value={
        "title": "Ledger driver fails after KB5039227",
        "root_cause": "vendor",
        "reason": "The vendor's driver stops after this update; a fix is promised for July.",
        "tried": "Driver 4.1 on a clone: it stops as well.",
        "fix_plan": "Driver 4.2 comes on 8 July and is rolled out within a week.",
        "fix_expected_on": "2026-07-15",
        "compensating_controls": [
            {"kind": "network", "what": "The instances are reachable from the bastion only."}
        ],
        "exposure": "internal",
        "data_class": "confidential",
        "application": "payments",
        "instances": [12, 13],
        "ends_at": "2026-07-15T22:00:00Z",
    },
    request_only=True,
)


class ControlIn(In):
    """One compensating control and the document that shows it."""

    what = serializers.CharField(min_length=10, max_length=1000, help_text="What lowers the risk meanwhile.")
    kind = serializers.ChoiceField(
        choices=CONTROL_KINDS, required=False, default="other", help_text="Its kind."
    )
    evidence = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=200,
        help_text="Name of an attached document that shows it.",
    )
    valid_until = serializers.DateField(
        required=False, allow_null=True, default=None, help_text="When the evidence has to be shown anew."
    )


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "minLength": 10, "maxLength": 1000},
            {
                "type": "array",
                "minItems": 1,
                "maxItems": asked.MOST_CONTROLS,
                "items": {
                    "type": "object",
                    "required": ["what"],
                    "properties": {
                        "what": {"type": "string", "minLength": 10, "maxLength": 1000},
                        "kind": {"type": "string", "enum": list(asked.CONTROL_KINDS)},
                        "evidence": {"type": "string", "description": "Name of an attached document."},
                        "valid_until": {"type": "string", "format": "date", "nullable": True},
                    },
                },
            },
        ]
    }
)
class ControlsIn(serializers.Field[Any, Any, Any, Any]):
    """A list of controls, or one in words alone."""

    def to_internal_value(self, data: Any) -> list[asked.Control]:
        if isinstance(data, str):
            data = [{"what": data}]
        if not isinstance(data, list):
            raise serializers.ValidationError(
                'Give a text, or a list such as [{"kind": "network", "what": "Bastion only."}].', "invalid"
            )
        if not 1 <= len(data) <= asked.MOST_CONTROLS:
            raise serializers.ValidationError(f"Name 1 to {asked.MOST_CONTROLS} controls.", "length")
        body = ControlIn(data=data, many=True)
        body.is_valid(raise_exception=True)
        return [
            asked.Control(
                **{**one, "valid_until": one["valid_until"].isoformat() if one["valid_until"] else ""}
            )
            for one in body.validated_data
        ]

    def to_representation(self, value: Any) -> Any:
        return [asdict(one) for one in value]


class InstancesIn(serializers.ListField):
    """Ids of instances that the caller may see, found in one query; each once, in the order given."""

    def __init__(self, **options: Any) -> None:
        number = serializers.IntegerField(min_value=1, max_value=LARGEST_ID)
        super().__init__(child=number, max_length=asked.MOST_INSTANCES, **options)

    def to_internal_value(self, data: Any) -> list[ManagedInstance]:
        if isinstance(data, list) and len(data) > asked.MOST_INSTANCES:
            raise serializers.ValidationError(f"Name 1 to {asked.MOST_INSTANCES} instances.", "length")
        numbers = dict.fromkeys(super().to_internal_value(data))
        seen = ManagedInstance.objects.visible_to(self.context["request"].user).filter(pk__in=numbers)
        found = {one.pk: one for one in seen.select_related("account_region__account")}
        if missing := [number for number in numbers if number not in found]:
            message = f"There is no instance {listed(map(str, missing))} that you may see."
            raise serializers.ValidationError(message, "does_not_exist")
        return [found[number] for number in numbers]


class ExemptionIn(In):
    """Which instances stay out of their window, or go without which patches, why, and until when."""

    kind = serializers.ChoiceField(
        choices=Exemption.Kind.choices,
        required=False,
        help_text="node_deferral keeps instances out of their window; patch_exclusion leaves named patches off.",
    )
    title = serializers.CharField(min_length=3, max_length=120)
    root_cause = serializers.ChoiceField(
        choices=Exemption.RootCause.choices,
        required=False,
        allow_blank=True,
        help_text="Why they cannot be patched; exemptions are counted by it.",
    )
    reason = serializers.CharField(min_length=20, max_length=4000, help_text="What breaks.")
    tried = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=4000,
        help_text="What was tried instead. Needed to submit.",
    )
    fix_plan = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=4000,
        help_text="How and when it will be fixed. Needed to submit.",
    )
    fix_expected_on = serializers.DateField(
        required=False, allow_null=True, help_text="The day on which the fix is expected."
    )
    compensating_controls = ControlsIn(help_text="What lowers the risk meanwhile: a list, or one as a text.")
    exploited_override = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=4000,
        help_text="Why something that CISA lists as known exploited may stay open. Needed to submit where it does.",
    )
    exposure = serializers.ChoiceField(
        choices=Exemption.Exposure.choices,
        required=False,
        allow_blank=True,
        help_text="Who can reach the instances. Needed to submit.",
    )
    data_class = serializers.ChoiceField(
        choices=Exemption.DataClass.choices,
        required=False,
        allow_blank=True,
        help_text="The most sensitive data that they hold. Needed to submit.",
    )
    backup = serializers.SlugRelatedField(
        slug_field="username",
        queryset=User.objects.none(),
        required=False,
        allow_null=True,
        help_text="User name of a team member who is reminded too.",
    )
    application = serializers.SlugRelatedField(
        slug_field="slug", queryset=Application.objects.none(), help_text="An application's slug."
    )
    instances = InstancesIn(
        help_text="Ids of its instances, as /instances/ lists them.",
    )
    patches = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=MOST_REJECTED,
        help_text="Of a patch_exclusion: KBs or package names, such as KB5039227.",
    )
    ends_at = serializers.DateTimeField(help_text="When everything is patched again, whatever happens.")

    def get_fields(self) -> dict[str, Any]:
        named: dict[str, Any] = super().get_fields()
        if "request" in self.context:
            user = self.context["request"].user
            named["application"].queryset = Application.objects.visible_to(user)
            named["backup"].queryset = User.objects.filter(
                is_active=True, memberships__team__in=roles.teams_of(user)
            ).distinct()
        return named


class ExemptionRevisionIn(ExemptionIn):
    """What replaces the current revision. What a PATCH leaves out stays as it is."""

    note = serializers.CharField(
        required=False, allow_blank=True, max_length=4000, help_text="What changed, for those who decide."
    )

    def get_fields(self) -> dict[str, Any]:
        named: dict[str, Any] = super().get_fields()
        named["application"].required = False
        return named

    def validate_application(self, application: Application) -> Application:
        if application != self.context["exemption"].application:
            raise serializers.ValidationError(
                "An exemption stays its application's; ask for another one.", "fixed"
            )
        return application


class OfferIn(DecisionIn):
    """Less than was asked, on exactly what was read. What is left out stays as asked."""

    reason = serializers.CharField(max_length=4000, help_text="Why less, for the team.")
    ends_at = serializers.DateTimeField(required=False, help_text="An earlier end.")
    instances = InstancesIn(
        required=False,
        help_text="Ids of those that may stay unpatched; the others are patched.",
    )
    patches = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=MOST_REJECTED,
        help_text="Of a patch_exclusion: those that may be left off.",
    )
    condition = serializers.CharField(
        required=False, allow_blank=True, max_length=500, help_text="What has to hold meanwhile."
    )


class ChoiceIn(In):
    """One exemption as it was read."""

    id = serializers.IntegerField(min_value=1)
    revision = serializers.IntegerField(min_value=1, help_text="The revision that was read.")
    digest = serializers.CharField(max_length=64, help_text="Its digest.")


class ManyIn(In):
    """Several exemptions of the same kind and of low risk."""

    exemptions = serializers.ListField(child=ChoiceIn(), min_length=1, max_length=MOST)
    reason = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=4000, help_text="Why, for the log."
    )


def as_it_is(exemption: Exemption) -> Mapping[str, Any]:
    """Every word of the current revision, for a PATCH to change some of them."""
    ask = asked.ask_of(exemption)
    return {one.name: getattr(ask, one.name) for one in fields(ask)}


class NarrowIn(In):
    """What is left of an exemption in force, and why. What is not given stays as it is."""

    reason = serializers.CharField(max_length=4000, help_text="Why, for the log and the team.")
    instances = InstancesIn(
        required=False,
        help_text="Ids of the instances that stay exempt; the others are patched again.",
    )
    patches = serializers.ListField(
        child=serializers.CharField(max_length=100),
        required=False,
        max_length=MOST_REJECTED,
        help_text="Patches that stay left off; the others are installed again.",
    )
    ends_at = serializers.DateTimeField(required=False, help_text="An earlier end.")
