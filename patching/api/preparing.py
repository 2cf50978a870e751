"""Verbs of a window that prepare its openings."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import run_reviews
from patching.models import RunReview
from portal.governance.api_parts import In, PersonOut, Verbs


class CheckOut(serializers.Serializer[Any]):
    """One thing to do before the window opens."""

    text = serializers.CharField()
    done_by = serializers.CharField(help_text="A user name; empty while it is not done.")
    done_at = serializers.CharField(help_text="When it was ticked; empty while it is not done.")


class PreparationOut(serializers.ModelSerializer[RunReview]):
    """One opening ahead with its checklist."""

    checklist = CheckOut(many=True)
    prepared_by = PersonOut(allow_null=True, help_text="Who ticked the last line; null while one is open.")

    class Meta:
        model = RunReview
        fields = ("window", "planned_at", "checklist", "prepared_by", "prepared_at")
        read_only_fields = fields


class PrepareIn(In):
    """What is done before an opening; lines that are left out of ``done`` are open again."""

    planned_at = serializers.DateTimeField(help_text="An opening ahead by the window's own schedule.")
    done = serializers.ListField(
        child=serializers.CharField(max_length=run_reviews.LONGEST_LINE),
        max_length=run_reviews.MOST_LINES,
        help_text="Texts of lines that are done.",
    )
    lines = serializers.ListField(
        child=serializers.CharField(max_length=run_reviews.LONGEST_LINE),
        max_length=run_reviews.MOST_LINES,
        required=False,
        help_text="The checklist, if it is to be another one.",
    )


class Preparing(Verbs):
    """What owners do before a window opens."""

    @extend_schema(responses=PreparationOut(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def preparations(self, request: Request, pk: int) -> Response:
        """The next openings, each with its checklist and who ticked what."""
        return Response(PreparationOut(run_reviews.preparations(self.get_object()), many=True).data)

    @extend_schema(request=PrepareIn, responses={200: PreparationOut})
    @action(detail=True, methods=["post"])
    def prepare(self, request: Request, pk: int) -> Response:
        """Tick what is done before an opening. For members of the team that owns the window."""
        with self.held() as window:
            review = run_reviews.prepare(window, by=self.request.user, **self.read(PrepareIn))
        return Response(PreparationOut(review).data)
