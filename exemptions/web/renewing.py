"""The page that asks for a renewal: until when, why still, and which of the instances and patches."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from exemptions import renewing, shrinking
from exemptions.models import Exemption
from exemptions.web.forms import Instances, Moment
from exemptions.web.views import refused, visible
from patching.models import ManagedInstance
from portal.governance.errors import DomainError, InvalidInput, WrongState
from portal.governance.templatetags.governance import display_zone, when


class RenewForm(forms.Form):
    """What a renewal says anew; everything else is taken over and can be edited in the draft."""

    ends_at = Moment(label="Ends")
    reason = forms.CharField(label="Why it is still needed", widget=forms.Textarea({"rows": 4}))
    instances = Instances(label="Instances that still need it")
    patches = forms.MultipleChoiceField(
        label="Patches that still stay off", widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, exemption: Exemption, **options: Any) -> None:
        super().__init__(*args, **options)
        self.exemption = exemption
        covered = exemption.instances.order_by("name", "pk")
        instances, patches = self.fields["instances"], self.fields["patches"]
        assert isinstance(instances, Instances)
        assert isinstance(patches, forms.MultipleChoiceField)
        instances.queryset = ManagedInstance.objects.filter(pk__in=covered.values("pk")).order_by(
            "name", "pk"
        )
        patches.choices = [(one, one) for one in exemption.patches]
        if not exemption.patches:
            del self.fields["patches"]
        latest = shrinking.start_of_renewal(exemption) + shrinking.longest(exemption)
        self.fields["ends_at"].help_text = format_html(
            "{} time. At most half as long as {}: to {}.", display_zone().key, exemption.number, when(latest)
        )

    def choices(self) -> Iterator[Any]:
        """The check boxes of the instances, as the page shows them."""
        for one in self["instances"].subwidgets:
            one.data["attrs"] = {**one.data["attrs"], "class": "form-check-input"}
            yield one

    def tell(self, problem: InvalidInput) -> None:
        """Put each problem of the verb under its field."""
        for one in problem.problems:
            self.add_error(one.field if one.field in self.fields else None, one.message)


@login_required
@require_http_methods(["GET", "POST"])
def exemption_renew(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for a renewal: it becomes a draft to complete and submit."""
    exemption = visible(request, pk)
    if not renewing.may_renew(request.user, exemption):
        message = renewing.why_not(exemption) or (
            f"Members of {exemption.team} renew {exemption.number}, and there is one renewal at a time."
        )
        return refused(request, exemption, WrongState(message))
    covered = [one.pk for one in exemption.instances.all()]
    latest = shrinking.start_of_renewal(exemption) + shrinking.longest(exemption)
    start = {"ends_at": latest, "instances": covered, "patches": exemption.patches}
    form = RenewForm(request.POST or None, initial=start, exemption=exemption)
    status = 200
    if request.method == "POST":
        status = 400
        if form.is_valid():
            try:
                renewal = renewing.renew(exemption, by=request.user, **_said(form))
            except InvalidInput as problem:
                form.tell(problem)
            except DomainError as problem:
                return refused(request, exemption, problem)
            else:
                messages.success(request, _what_next(renewal))
                return redirect("exemptions:exemption-detail", renewal.pk)
    context = {"exemption": exemption, "form": form, "latest": latest}
    return render(request, "exemptions/renew.html", context, status=status)


def _said(form: RenewForm) -> dict[str, Any]:
    said = form.cleaned_data
    instances = list(said["instances"].select_related("account_region__account"))
    return {**said, "instances": instances}


def _what_next(renewal: Exemption) -> str:
    attached = renewal.documents.count()
    evidence = "Its evidence came along" if attached else "Attach a document"
    return f"{renewal.number} is a draft. {evidence}, then submit it: nobody is asked before that."
