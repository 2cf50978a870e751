"""The conversation as the API shows and takes it; each kind of thing has its own two routes."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework import serializers, status
from rest_framework.response import Response

from portal.governance import conversation
from portal.governance.api_parts import In, PersonOut, Verbs


class CommentIn(In):
    """Something to say. ``@`` and a user name in the text tells somebody by mail."""

    text = serializers.CharField(
        max_length=conversation.LONGEST, help_text="1 to 4000 characters; @rita mentions rita."
    )
    blocking = serializers.BooleanField(
        default=False,
        help_text="Holds up every approval until it is resolved. For security operations, CISO and team lead.",
    )
    private = serializers.BooleanField(
        default=False,
        help_text="A note that security operations, CISO and auditors alone read. For the first two.",
    )


class CommentOut(serializers.Serializer[Any]):
    """Something that was said; private notes are listed to those alone who may read them."""

    id = serializers.IntegerField()
    author = PersonOut()
    at = serializers.DateTimeField()
    revision = serializers.IntegerField(source="about_revision", help_text="The one that was current then.")
    text = serializers.CharField()
    mentioned = PersonOut(many=True)
    blocking = serializers.BooleanField(source="is_blocking")
    private = serializers.BooleanField(source="is_private")
    resolved_at = serializers.DateTimeField(
        allow_null=True, help_text="Of a blocking one: null holds up approvals."
    )
    resolved_by = PersonOut(allow_null=True)


class Conversing(Verbs):
    """What a route of comments does, whatever they are about."""

    def converse(self) -> Response:
        """GET lists what the caller may read, newest first; POST adds to it."""
        if self.request.method == "POST":
            with self.held() as row:
                said = conversation.say(row, by=self.request.user, **self.read(CommentIn))
            return Response(CommentOut(said).data, status=status.HTTP_201_CREATED)
        said = conversation.visible_comments(self.get_object(), self.request.user)
        return self.get_paginated_response(CommentOut(self.paginate_queryset(said), many=True).data)

    def resolve(self, comment: int) -> Response:
        """Resolve one that the caller may read; the others are not there."""
        with self.held() as row:
            readable = conversation.visible_comments(row, self.request.user)
            found = conversation.resolve(row, get_object_or_404(readable, pk=comment), by=self.request.user)
        return Response(CommentOut(found).data)
