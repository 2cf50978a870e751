"""The conversation as pages show and take it: one form, one component (``components/conversation.html``)."""

from typing import Any

from django import forms

from portal.governance import conversation
from portal.governance.errors import DomainError, InvalidInput
from portal.governance.models import AbstractComment, User
from portal.governance.people_forms import tell


class CommentForm(forms.Form):
    """What somebody says. Who may block and who may write notes is said by ``conversation.say``."""

    text = forms.CharField(
        label="Comment",
        max_length=conversation.LONGEST,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    blocking = forms.BooleanField(label="Blocks approval until it is resolved", required=False)
    private = forms.BooleanField(label="Private note", required=False)


def spoken(form: CommentForm, thing: Any, *, by: User) -> DomainError | None:
    """Say what the form holds; what was refused is told in the form and given back."""
    if not form.is_valid():
        return InvalidInput([], "Look at the comment again.")
    try:
        conversation.say(thing, by=by, **form.cleaned_data)
    except DomainError as problem:
        tell(form, problem)
        return problem
    return None


def panel(thing: Any, user: User, form: CommentForm | None = None) -> dict[str, Any]:
    """What the component needs: what was said, each with whether this person may resolve it, and the form."""
    voice = conversation.voice_of(thing, user)
    said = thing.comments.select_related("author", "resolved_by")
    comments = list(said if voice.reads_notes else said.filter(is_private=False))
    return {
        "comments": [{"said": one, "may_resolve": voice.may_resolve(one)} for one in comments],
        "blocking": list(dict.fromkeys(str(one.author) for one in comments if _holds_up(one))),
        "voice": voice,
        "closed": conversation.is_closed(thing),
        "form": form or CommentForm(),
        "hint": f"@ and a user name, such as @{thing.requested_by.username}, tells somebody by mail.",
        "address": thing.address,
    }


def _holds_up(comment: AbstractComment) -> bool:
    return comment.is_blocking and comment.resolved_at is None
