"""Files in and out: a request from what a file describes, and what is in effect as a file."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from patching import importing, workflow
from patching.exchange import formats
from patching.exchange.parts import CannotReadError
from patching.models import AccountRegion, Application, Environment
from patching.taking_out import Choice, take_out
from portal.governance.api_parts import In, Verbs
from portal.governance.errors import FieldProblem, InvalidInput


class FileIn(In):
    """A file, and where what it describes is to belong."""

    content = serializers.CharField(
        max_length=formats.LARGEST, trim_whitespace=False, help_text="The text of the file."
    )
    file_format = serializers.ChoiceField(
        choices=[(name, one.title) for name, one in formats.FORMATS.items()],
        required=False,
        help_text="Told from the content where it is left out.",
    )
    parameters = serializers.DictField(
        child=serializers.CharField(max_length=4000),
        required=False,
        help_text="Values of the file's parameters or variables.",
    )
    account = serializers.RegexField(r"^[0-9]{12}\Z", help_text="The AWS account, 12 digits.")
    region = serializers.CharField(max_length=25, help_text="The AWS Region.")
    application = serializers.CharField(
        max_length=40, help_text="The application's slug, for what the file does not say."
    )
    environment = serializers.CharField(max_length=20, help_text="The environment's slug, likewise.")
    title = serializers.CharField(min_length=3, max_length=120)
    reason = serializers.CharField(min_length=10, max_length=4000)
    dry_run = serializers.BooleanField(default=False, help_text="Only say what would be asked for.")


class ToldOut(serializers.Serializer[Any]):
    """One place in the file, and what is to be said of it."""

    where = serializers.CharField()
    message = serializers.CharField()


class DifferenceOut(serializers.Serializer[Any]):
    """A field that the file says otherwise than what is in effect."""

    field = serializers.CharField()
    now = serializers.CharField()
    then = serializers.CharField()


class LineOut(serializers.Serializer[Any]):
    """One object of the file."""

    kind = serializers.CharField()
    name = serializers.CharField()
    where = serializers.CharField()
    action = serializers.ChoiceField(choices=["create", "change", "same"])
    differences = DifferenceOut(many=True)


class ImportOut(serializers.Serializer[Any]):
    """What came of a file; ``change_request`` is null after a dry run, or where nothing is to be asked for."""

    change_request = serializers.IntegerField(allow_null=True)
    objects = LineOut(many=True)
    refused = ToldOut(many=True)
    notes = ToldOut(many=True)


class FileOut(serializers.Serializer[Any]):
    """What is in effect, as a file."""

    file_format = serializers.CharField()
    content = serializers.CharField()


class Importing(Verbs):
    """The verb of a list of requests that reads a file."""

    @extend_schema(request=FileIn, responses={200: ImportOut, 201: ImportOut})
    @action(detail=False, methods=["post"], url_path="import", filterset_class=None, pagination_class=None)
    def import_file(self, request: Request) -> Response:
        """Draft a request for what a file describes: CloudFormation, Terraform, AWS JSON or Patchwarden YAML."""
        wish = self.read(FileIn)
        into = _into(request, wish)
        try:
            setup = formats.read(
                wish["content"],
                file_format=wish.get("file_format", ""),
                given=wish.get("parameters"),
                account=wish["account"],
                region=wish["region"],
            )
        except CannotReadError as problem:
            raise InvalidInput([FieldProblem("content", "unreadable", str(problem))]) from None
        found = importing.prepare(setup, into)
        draft = None
        if found.items and not wish["dry_run"]:
            draft = workflow.draft(
                by=request.user, title=wish["title"], reason=wish["reason"], items=found.items
            )
        answer = {
            "change_request": draft.pk if draft else None,
            "objects": found.lines,
            "refused": [{"where": one.where, "message": one.why} for one in found.refused],
            "notes": [{"where": one.where, "message": one.what} for one in found.notes],
        }
        code = status.HTTP_201_CREATED if draft else status.HTTP_200_OK
        return Response(ImportOut(answer).data, status=code)


def _into(request: Request, wish: dict[str, Any]) -> importing.Into:
    """Where it is to belong. Raises InvalidInput with every name that is unknown to this person."""
    applications = Application.objects.visible_to(request.user).filter(slug=wish["application"])
    places = AccountRegion.objects.visible_to(request.user).filter(
        account__account_id=wish["account"], region=wish["region"], is_active=True
    )
    found = {
        "application": applications.first(),
        "environment": Environment.objects.filter(slug=wish["environment"]).first(),
        "account": places.select_related("account").first(),
    }
    unknown = [
        FieldProblem(name, "unknown", f"There is no {name} “{wish[name]}” that you can see.")
        for name, row in found.items()
        if row is None
    ]
    if unknown:
        raise InvalidInput(unknown)
    return importing.Into(found["application"], found["environment"], found["account"], request.user)


def _named(rows: Any, field: str, **name: str) -> Any:
    """The row of that name. Raises InvalidInput where this person sees none."""
    row = rows.filter(**name).first()
    if row is None:
        (value,) = name.values()
        message = f"There is no {field} “{value}” here that you can see."
        raise InvalidInput([FieldProblem(field, "unknown", message)])
    return row


AS = OpenApiParameter("as", str, enum=list(formats.WRITTEN), description="cloudformation unless said.")
OF = OpenApiParameter("application", str, description="The slug of one application; all unless said.")
GROUP = OpenApiParameter(
    "group", str, description="The name of one patch group, with the windows of its instances."
)


class Exporting(Verbs):
    """The verb of an account-region that writes a file."""

    @extend_schema(parameters=[AS, OF, GROUP], responses=FileOut)
    @action(detail=True, methods=["get"], pagination_class=None, filterset_class=None)
    def export(self, request: Request, pk: int) -> Response:
        """What is in effect there as CloudFormation, Terraform or Patchwarden YAML, as far as you may see it."""
        choice = Choice.all_of(request.user).of_place(self.get_object())
        if slug := request.query_params.get("application"):
            applications = Application.objects.visible_to(request.user)
            choice = choice.of_application(_named(applications, "application", slug=slug))
        if name := request.query_params.get("group"):
            choice = choice.of_group(_named(choice.groups, "group", name=name))
        wanted = request.query_params.get("as", "cloudformation")
        (text,) = take_out(choice, wanted, by=request.user).values()
        return Response(FileOut({"file_format": wanted, "content": text}).data)
