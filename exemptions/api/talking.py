"""What is said about an exemption: ``…/comments/`` and their resolving."""

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from portal.governance.api_parts import NothingIn
from portal.governance.conversation_api import CommentIn, CommentOut, Conversing


class Talking(Conversing):
    """The conversation about an exemption."""

    @extend_schema(methods=["get"], operation_id="exemptions_comments_list", responses=CommentOut(many=True))
    @extend_schema(
        methods=["post"],
        operation_id="exemptions_comments_create",
        request=CommentIn,
        responses={201: CommentOut},
    )
    @action(detail=True, methods=["get", "post"], filterset_class=None, url_path="comments")
    def comments(self, request: Request, pk: int) -> Response:
        """What was said about it, newest first; POST adds a comment."""
        return self.converse()

    @extend_schema(request=NothingIn, responses=CommentOut)
    @action(
        detail=True, methods=["post"], url_path="comments/<int:comment>/resolve", url_name="comment-resolve"
    )
    def resolve_comment(self, request: Request, pk: int, comment: int) -> Response:
        """Say that a blocking comment is answered: by who wrote it, or somebody else who decides."""
        self.read(NothingIn)
        return self.resolve(comment)
