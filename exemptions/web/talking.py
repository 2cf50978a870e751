"""Saying something about an exemption on its page, and resolving what holds it up."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from exemptions.web.views import refused, visible
from portal.governance import conversation
from portal.governance.conversation_web import CommentForm, spoken
from portal.governance.errors import DomainError


@login_required
@require_POST
def exemption_comment(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a comment, a blocking one or a private note."""
    exemption = visible(request, pk)
    form = CommentForm(request.POST)
    if problem := spoken(form, exemption, by=request.user):
        return refused(request, exemption, problem, comment=form)
    messages.success(request, f"You commented on {exemption.number}.")
    return redirect(exemption.address + conversation.DISCUSSION)


@login_required
@require_POST
def comment_resolve(request: HttpRequest, pk: int, comment: int) -> HttpResponse:
    """Say that a blocking comment is answered."""
    exemption = visible(request, pk)
    found = get_object_or_404(conversation.visible_comments(exemption, request.user), pk=comment)
    try:
        conversation.resolve(exemption, found, by=request.user)
    except DomainError as problem:
        return refused(request, exemption, problem)
    messages.success(request, f"You resolved what {found.author} wrote about {exemption.number}.")
    return redirect(exemption.address + conversation.DISCUSSION)
