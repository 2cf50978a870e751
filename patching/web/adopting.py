"""Pages that ask to bring under management what somebody else made in AWS, filled in from what stands there."""

import json
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_http_methods

from patching import from_aws, unmanaged, words
from patching.from_aws import Found
from patching.models import ManagedInstance, Unmanaged
from patching.web.asking import (
    AskForm,
    Item,
    Scope,
    SeveralForm,
    held_elsewhere,
    scopes_of,
)
from patching.web.asking_pages import answer
from patching.web.baseline_forms import BaselineForm
from patching.web.window_forms import WindowForm
from portal.governance.signing_in import SignedInRequest


class AdoptedWindowForm(WindowForm):
    """A window that is there and is to become ours."""

    def __init__(self, *args: Any, theirs: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.theirs = theirs

    def items(self) -> list[Item]:
        return [_adopting(one, self.theirs) for one in super().items()]


class AdoptedBaselineForm(BaselineForm):
    """A baseline that is there and is to become ours."""

    def __init__(self, *args: Any, theirs: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.theirs = theirs

    def items(self) -> list[Item]:
        return [_adopting(one, self.theirs) for one in super().items()]


def _adopting(item: Item, theirs: int) -> Item:
    return {**item, "action": "adopt", "target": theirs}


@login_required
@require_http_methods(["GET", "POST"])
def adopt(request: SignedInRequest, pk: int) -> HttpResponse:
    """Ask that one unmanaged baseline or window becomes ours; only the mark is new, until somebody changes more."""
    rows = Unmanaged.objects.filter(gone_at=None).select_related("account_region__account")
    row = get_object_or_404(rows, pk=pk)
    reach = unmanaged.Reach(request.user, row.account_region)
    if not reach.may_bring(row):
        raise Http404
    return _window(request, row, reach.of(row) or []) if row.kind == "window" else _baseline(request, row)


def form_of(request: SignedInRequest, item: Item, said: dict[str, str]) -> Any:
    """A maker of the form of a request that asks to adopt one thing; None where only JSON says it."""
    spec, theirs = item["spec"], item["target"]
    if item["kind"] == "baseline":
        filled = BaselineForm.filled_from(spec)
        if filled is None:
            return None
        initial = {**filled, **said}

        def make_baseline(data: Any = None) -> AskForm:
            return AdoptedBaselineForm(data, user=request.user, theirs=theirs, initial=initial, editing=True)

        return make_baseline
    scope = next((one for one in scopes_of(request.user) if spec.items() >= one.spec().items()), None)
    if scope is None:
        return None
    filled = WindowForm.filled_from(spec)

    def make_window(data: Any = None) -> AskForm:
        return AdoptedWindowForm(
            data,
            scope=scope,
            theirs=theirs,
            kept=spec["instances"],
            initial={**filled, **said},
            editing=True,
        )

    return make_window


def _window(request: SignedInRequest, row: Unmanaged, instances: list[ManagedInstance]) -> HttpResponse:
    scopes = [one for one in scopes_of(request.user) if one.place.pk == row.account_region_id]
    scope = _chosen(request, scopes, instances)
    if scope is None:
        return render(
            request, "patching/choose_scope.html", {"scopes": scopes, "noun": "window", "kind": "window"}
        )
    found = from_aws.window_as_found(row.content)
    initial = WindowForm.filled_from(_filled(found, scope, instances))
    initial |= {"title": f"Bring the window {row.name} under management"[:120]}

    def make(data: Any = None) -> AskForm:
        return AdoptedWindowForm(data, scope=scope, theirs=row.pk, initial=initial)

    about = (
        f"{row.aws_id} in {row.account_region}, for {scope}. It keeps its id. Its targets and tasks are replaced by "
        "those below; the ones that are there now are removed."
    )
    if found.left_out:
        about += f" Not taken over: {' '.join(found.left_out)}"
    return answer(request, make, heading=f"Bring {row.name} under management", about=about)


def _chosen(request: SignedInRequest, scopes: list[Scope], instances: list[ManagedInstance]) -> Scope | None:
    """What was chosen, or the one scope to which all that it reaches belongs."""
    if key := request.GET.get("scope", ""):
        return next((one for one in scopes if one.key == key), None)
    owners = {(one.application_id, one.environment_id) for one in instances}
    fitting = [one for one in scopes if {(one.application.pk, one.environment.pk)} == owners]
    return fitting[0] if len(fitting) == 1 else None


def _filled(found: Found, scope: Scope, instances: list[ManagedInstance]) -> dict[str, Any]:
    """The window's spec with those of its instances that may be in it."""
    held, mine = held_elsewhere("window", scope), {one.pk for one in scope.instances()}
    free = [one.instance_id for one in instances if one.pk in mine and one.instance_id not in held]
    return {**found.spec, **scope.spec(), "az": "", "instances": free}


def _baseline(request: SignedInRequest, row: Unmanaged) -> HttpResponse:
    found = from_aws.baseline_as_found(row.content)
    spec = {"name": found.spec["name"], "definition": found.spec["definition"]}
    said = {"title": f"Bring the baseline {row.name} under management"[:120], "reason": ""}
    filled = BaselineForm.filled_from(spec)
    if filled is None:
        return _baseline_as_json(request, row, spec, said)
    initial = {**filled, **said}

    def make(data: Any = None) -> AskForm:
        return AdoptedBaselineForm(data, user=request.user, theirs=row.pk, initial=initial)

    groups = row.content.get("reply", {}).get("PatchGroups", [])
    used = f" It judges {words.listed(groups)} there." if groups else " No patch group uses it."
    about = f"{row.aws_id} in {row.account_region}.{used} It keeps its id and gets our mark."
    return answer(request, make, heading=f"Bring {row.name} under management", about=about)


def _baseline_as_json(
    request: SignedInRequest, row: Unmanaged, spec: dict[str, Any], said: dict[str, str]
) -> HttpResponse:
    """A baseline that says more than the fields of the form can."""
    item = _adopting({"kind": "baseline", "spec": {**spec, "application": "", "environment": ""}}, row.pk)
    initial = {**said, "items_json": json.dumps([item], indent=2, ensure_ascii=False)}

    def make(data: Any = None) -> AskForm:
        return SeveralForm(data, initial=initial)

    about = f"{row.aws_id} in {row.account_region}. Say for which application and environment it is."
    return answer(request, make, heading=f"Bring {row.name} under management", about=about)
