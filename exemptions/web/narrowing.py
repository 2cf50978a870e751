"""The page on which part of an exemption in force is taken back."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from exemptions import narrowing, permissions
from exemptions.models import Exemption
from exemptions.web.forms import Moment
from exemptions.web.views import refused, visible
from patching.models import ManagedInstance
from portal.governance import clock
from portal.governance.errors import DomainError, InvalidInput


class NarrowForm(forms.Form):
    """What stays exempt. Ticked is what there is; what is unticked is patched again."""

    instances = forms.ModelMultipleChoiceField(
        ManagedInstance.objects.none(),
        label="Instances that stay exempt",
        widget=forms.CheckboxSelectMultiple,
    )
    patches = forms.MultipleChoiceField(
        label="Patches that stay left off", required=False, widget=forms.CheckboxSelectMultiple
    )
    ends_at = Moment(label="Ends")
    reason = forms.CharField(
        label="Why it is narrowed", max_length=4000, widget=forms.Textarea({"rows": 3, "maxlength": 4000})
    )

    def __init__(self, *args: Any, exemption: Exemption, **options: Any) -> None:
        rows = exemption.instances.order_by("name", "pk")
        now = {"instances": rows, "patches": exemption.patches, "ends_at": exemption.ends_at}
        super().__init__(*args, initial=now, **options)
        instances, patches = self.fields["instances"], self.fields["patches"]
        assert isinstance(instances, forms.ModelMultipleChoiceField)
        assert isinstance(patches, forms.MultipleChoiceField)
        instances.queryset = rows
        patches.choices = [(one, one) for one in exemption.patches]
        self.exemption = exemption
        if not exemption.patches:
            del self.fields["patches"]

    def said(self) -> dict[str, Any]:
        """The words as the verb takes them; the end only where it was moved, since a browser sends no seconds."""
        said = dict(self.cleaned_data)
        if said["ends_at"] == self.exemption.ends_at.replace(second=0, microsecond=0):
            del said["ends_at"]
        return said | {"instances": list(said["instances"])}


@login_required
@require_http_methods(["GET", "POST"])
def exemption_narrow(request: HttpRequest, pk: int) -> HttpResponse:
    """Fewer instances, fewer patches, an earlier end."""
    exemption = visible(request, pk)
    if not permissions.may_revoke(request.user, exemption) or exemption.state_at(clock.now()) not in (
        "active",
        "expiring",
    ):
        message = f"The CISO, security operations or {exemption.team} narrow {exemption.number} while it is in force."
        return refused(request, exemption, DomainError(message))
    form = NarrowForm(request.POST if request.method == "POST" else None, exemption=exemption)
    if request.method == "POST" and form.is_valid():
        try:
            narrowing.narrow(exemption, by=request.user, **form.said())
        except InvalidInput as problem:
            for one in problem.problems:
                form.add_error(one.field if one.field in form.fields else None, one.message)
        except DomainError as problem:
            return refused(request, exemption, problem)
        else:
            text = f"{exemption.number} is narrowed. The next push brings back what it no longer covers."
            messages.success(request, text)
            return redirect("exemptions:exemption-detail", pk)
    context = {"exemption": exemption, "form": form}
    return render(request, "exemptions/narrow.html", context, status=400 if form.errors else 200)
