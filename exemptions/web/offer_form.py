"""The form of a counter-offer: what is left as it stands is offered as asked."""

from typing import Any

from django import forms

from exemptions.models import Exemption
from exemptions.offers import LONGEST_CONDITION
from exemptions.web.forms import Moment
from patching.models import ManagedInstance


class OfferForm(forms.Form):
    """An earlier end, fewer instances or patches, a condition; and why."""

    revision = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    digest = forms.CharField(max_length=64, widget=forms.HiddenInput)
    until = Moment(label="Earlier end", required=False, help_text="Leave empty to keep the end as asked.")
    instances_kept = forms.ModelMultipleChoiceField(
        ManagedInstance.objects.none(), label="Instances", widget=forms.CheckboxSelectMultiple
    )
    patches_kept = forms.MultipleChoiceField(label="Patches", widget=forms.CheckboxSelectMultiple)
    condition = forms.CharField(
        label="Only on the condition that",
        required=False,
        max_length=LONGEST_CONDITION,
        widget=forms.TextInput({"placeholder": "Such as: the WebClient service stays disabled"}),
    )
    reason = forms.CharField(
        label="Why less", required=False, widget=forms.Textarea({"rows": 2}), help_text="Shown to the team."
    )

    def __init__(self, *args: Any, exemption: Exemption, **options: Any) -> None:
        super().__init__(*args, prefix="offer", **options)
        instances = self.fields["instances_kept"]
        assert isinstance(instances, forms.ModelMultipleChoiceField)
        instances.queryset = exemption.instances.order_by("name", "pk")
        if exemption.patches:
            patches = self.fields["patches_kept"]
            assert isinstance(patches, forms.MultipleChoiceField)
            patches.choices = [(one, one) for one in exemption.patches]
        else:
            del self.fields["patches_kept"]

    def offered(self) -> dict[str, Any]:
        """The words as ``offers.counter_offer`` takes them."""
        said = self.cleaned_data
        return {
            "revision": said["revision"],
            "digest": said["digest"],
            "ends_at": said["until"],
            "instances": list(said["instances_kept"]),
            "patches": said.get("patches_kept"),
            "condition": said["condition"],
            "reason": said["reason"],
        }


def offer_as_asked(exemption: Exemption) -> OfferForm:
    """The form with everything kept, on the current revision."""
    assert exemption.current is not None
    return OfferForm(
        exemption=exemption,
        initial={
            "revision": exemption.current.number,
            "digest": exemption.current.digest,
            "instances_kept": [one.pk for one in exemption.instances.all()],
            "patches_kept": exemption.patches,
        },
    )
