"""Pages of promotion: pin what a run has tested into later environments by request, and halt that again."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods, require_POST

from patching import promoting, run_reviews, words
from patching.models import PatchBaseline, WindowRun
from patching.web.asking import AskForm, Item, Part, choices_of
from patching.web.asking_pages import answer
from portal.governance.errors import DomainError, NotAllowed
from portal.governance.signing_in import SignedInRequest


class PromotionForm(AskForm):
    """Which later baselines take over what a run has tested, and how it is pinned."""

    field_of = {"definition": "how", "target": "baselines"}

    baselines = forms.MultipleChoiceField(
        label="Pin into",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose where it goes."},
    )
    how = forms.ChoiceField(
        label="How",
        widget=forms.RadioSelect,
        choices=[
            (
                promoting.BY_DATE,
                "By date: the tested rules, each ended with the last day of release that the run could install",
            ),
            (promoting.BY_LIST, "By list: exactly the patches that were seen to be installed, at most 50"),
        ],
        initial=promoting.BY_DATE,
    )

    def __init__(self, *args: Any, run: WindowRun, tested: list[promoting.Tested], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.run = run
        self.rows = {str(row.pk): row for one in tested for row in one.later}
        choices_of(self, "baselines").choices = [
            (pk, f"{row.name}, {row.environment}, {words.system_name(row.operating_system)}")
            for pk, row in self.rows.items()
        ]

    @property
    def parts(self) -> list[Part]:
        return [self._part("What later environments get", "baselines", "how", layout="one"), self._yours()]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("baselines") and said.get("how"):
            try:
                said["items"] = promoting.items(self.run, self._chosen(said), said["how"])
            except DomainError as problem:
                self.add_error("how", str(problem))
        return said

    def _chosen(self, said: dict[str, Any]) -> list[PatchBaseline]:
        return [self.rows[pk] for pk in said["baselines"]]

    def items(self) -> list[Item]:
        found: list[Item] = self.cleaned_data["items"]
        return found


@login_required
@require_http_methods(["GET", "POST"])
def promote(request: SignedInRequest, pk: int) -> HttpResponse:
    """Ask that later environments get what this run has tested, and nothing that came out since."""
    run = _run(request, pk)
    if not run_reviews.may_speak(request.user, run.window):
        raise Http404
    assert run.window is not None
    try:
        tested = promoting.tested_by(run)
    except DomainError as problem:
        messages.error(request, str(problem))
        return redirect("patching:run-detail", pk)
    later = [row for one in tested for row in one.later]
    if not later:
        messages.error(
            request, "No baseline of a later environment could take over what this run has tested."
        )
        return redirect("patching:run-detail", pk)
    into = request.GET.get("into", "")  # where somebody came from, if it could take it over
    wanted = [str(row.pk) for row in later if not into or str(row.pk) == into]
    initial = {
        "baselines": wanted or [str(row.pk) for row in later],
        "title": f"Promote what {run.window} tested on {run.started_at:%-d %b %Y}"[:120],
        "reason": f"{run} installed it without a reported problem; later environments get the same and nothing newer.",
    }

    def make(data: Any = None) -> AskForm:
        return PromotionForm(data, run=run, tested=tested, initial=initial)

    about = "; ".join(
        f"{words.counted(one.instances, 'instance')} of {words.system_name(one.system)} tested by {one.baseline}"
        for one in tested
    )
    return answer(request, make, heading=f"Promote what {run.window} has tested", about=about)


@login_required
@require_POST
def halt(request: SignedInRequest, pk: int) -> HttpResponse:
    """Stop it from going further: later windows of the application stay shut."""
    run = _run(request, pk)
    try:
        record = promoting.halt(run, by=request.user, reason=request.POST.get("reason", ""))
    except NotAllowed as problem:
        raise PermissionDenied(str(problem)) from problem
    except DomainError as problem:
        messages.error(request, str(problem))
        return redirect("patching:run-detail", pk)
    messages.success(request, "It is halted: the windows below stay shut.")
    return redirect("patching:failure-detail", record.pk)


def _run(request: HttpRequest, pk: int) -> WindowRun:
    rows = WindowRun.objects.visible_to(request.user).select_related(
        "window__application__team", "window__environment", "account_region__account", "review__failure"
    )
    return get_object_or_404(rows, pk=pk)
