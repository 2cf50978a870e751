"""``…/reviews/<id>/close/``: whether an exemption may go on after something has changed under it."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from exemptions import reviewing
from exemptions.models import Review
from portal.governance.api_parts import PersonOut, ReasonIn, Scope, Verbs
from portal.governance.signing_in import signed_in_at


class ReviewIn(ReasonIn):
    """What was decided, and why."""

    outcome = serializers.ChoiceField(
        choices=Review.Outcome.choices, help_text="kept: it may go on; ended: it ends now."
    )


class ReviewOut(serializers.ModelSerializer[Review]):
    """Something that changed under an exemption in force, and whether it may go on."""

    closed_by = PersonOut(allow_null=True)

    class Meta:
        model = Review
        fields = (
            "id",
            "cause",
            "text",
            "raised_at",
            "due_at",
            "closed_at",
            "closed_by",
            "outcome",
            "reason",
        )
        read_only_fields = fields


class Reviewing(Verbs):
    """Reviews of an exemption."""

    @extend_schema(request=ReviewIn, responses=ReviewOut)
    @action(
        detail=True,
        methods=["post"],
        scope=Scope.DECIDE,
        url_path="reviews/<int:review>/close",
        url_name="review-close",
    )
    def close_review(self, request: Request, pk: int, review: int) -> Response:
        """Say that the exemption may go on, or end it now; with a reason."""
        with self.held() as row:
            found: Any = get_object_or_404(row.reviews, pk=review)
            body = self.read(ReviewIn)
            closed = reviewing.close(found, by=request.user, signed_in_at=signed_in_at(request), **body)
        return Response(ReviewOut(closed).data)
