"""``POST /api/v1/demo/advance``: let time pass for portal and simulated AWS together."""

from datetime import timedelta
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.demo import passing_time
from portal.governance import clock
from portal.governance.models import ApiToken


class AdvanceIn(serializers.Serializer):
    """Where to: a moment, or a number of seconds from now."""

    to = serializers.DateTimeField(required=False, help_text="A moment, such as 2026-06-14T02:00:00Z.")
    by = serializers.FloatField(
        required=False, min_value=0, max_value=passing_time.LONGEST_STEP.total_seconds(), help_text="Seconds."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs) != 1:
            raise serializers.ValidationError("Give either “to”, a moment, or “by”, seconds.")
        return attrs


class AdvanceOut(serializers.Serializer):
    now = serializers.DateTimeField(help_text="What time it is now, for the portal and in the simulated AWS.")


class Advance(APIView):
    """Let time pass. Exists only in the demo."""

    scope = ApiToken.Scope.READ

    @extend_schema(operation_id="demo_advance", request=AdvanceIn, responses=AdvanceOut)
    def post(self, request: Request) -> Response:
        wanted = AdvanceIn(data=request.data)
        wanted.is_valid(raise_exception=True)
        given = wanted.validated_data
        to = given["to"] if "to" in given else clock.now() + timedelta(seconds=given["by"])
        return Response(AdvanceOut({"now": passing_time.advance_to(to)}).data)
