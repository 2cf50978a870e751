"""How accounts, environments and applications come into the portal: verbs, each with its audit entry."""

import re
import secrets
from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from patching import breaker, iam, mirrored
from patching.aws import identity
from patching.aws.errors import AwsBusy, AwsDenied, AwsError
from patching.models import AccountRegion, Application, AwsAccount, Environment, ManagedInstance, Selector
from portal.governance import audit, clock, roles
from portal.governance.errors import DomainError, FieldProblem, InvalidInput, NotAllowed, WrongState
from portal.governance.models import Role, Team, User

REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")
NO_WAY_IN = (
    "Checking the connection failed: "  # how an account-region's error begins when it is ours to take back
)
REFUSALS = ("AccessDenied", "AccessDeniedException")
WRONG_ACCOUNT = "WrongAccount"
SHUT = (AccountRegion.Health.DENIED, AccountRegion.Health.UNREACHABLE)


class NotProvenError(DomainError):
    """The role does not lead where it should; the message says what to look at."""

    code = "not_proven"


@transaction.atomic
def connect(account_id: str, name: str, regions: Iterable[str], *, by: User | None) -> AwsAccount:
    """Register an AWS account under an external id of our own making, and want its first pull.

    ``by=None`` is the command line of the installation. Raises InvalidInput, NotAllowed.
    """
    _raise_unless(by, Role.OPERATOR)
    wanted = sorted(set(regions))
    problems = []
    if not re.fullmatch(r"[0-9]{12}", account_id, re.ASCII):
        problems.append(
            FieldProblem("account_id", "format", "An account id has 12 digits, such as 211125483017.")
        )
    elif AwsAccount.objects.filter(account_id=account_id).exists():
        problems.append(FieldProblem("account_id", "taken", f"{account_id} is connected already."))
    if not 1 <= len(name.strip()) <= 80:
        problems.append(FieldProblem("name", "length", "Give the account a name of 1 to 80 characters."))
    if not wanted or not all(REGION.fullmatch(region) for region in wanted):
        problems.append(FieldProblem("regions", "format", "Name at least one Region, such as eu-central-1."))
    if problems:
        raise InvalidInput(problems)
    account = AwsAccount.objects.create(
        account_id=account_id, name=name.strip(), external_id=f"patchwarden-{secrets.token_urlsafe(24)}"
    )
    for region in wanted:
        AccountRegion.objects.create(account=account, region=region, next_pull_at=clock.real_now())
    audit.record("account.connected", account, by=by, detail={"account": account_id, "regions": wanted})
    return account


def prove(place: AccountRegion, *, by: User | None) -> AccountRegion:
    """Assume the role, ask who we are there, and remember it. ``by=None`` is the command line.

    Raises NotAllowed, WrongState, and NotProvenError with what is wrong in words; each attempt is audited.
    """
    _raise_unless(by, Role.OPERATOR)
    if not place.is_active:
        raise WrongState(f"{place} is switched off; switch it on first.")
    try:
        arn = _who_we_are(place)
    except AwsError as problem:
        _keep_failure(place, problem, by)
        raise NotProvenError(str(problem)) from problem
    _keep_proof(place, arn, by)
    place.refresh_from_db()
    return place


def _who_we_are(place: AccountRegion) -> str:
    try:
        landed, arn = identity.caller(place)
    except AwsDenied as problem:
        raise AwsDenied(problem.code, _why_denied(place, problem)) from problem
    except AwsBusy as problem:
        message = f"AWS did not answer in {place.region}, so nothing is known about the role. {problem}"
        raise AwsBusy(problem.code, message) from problem
    wanted = place.account.account_id
    if landed != wanted:
        message = f"The role leads into account {landed}, not into {wanted}. Nothing is written there."
        raise AwsDenied(WRONG_ACCOUNT, message)
    return arn


def _why_denied(place: AccountRegion, problem: AwsDenied) -> str:
    if problem.code not in REFUSALS:
        return str(problem)
    hub = settings.HUB_ROLE_ARN or "the role that Patchwarden runs as"
    return (
        f"AWS did not let us assume {identity.role_arn(place)}. It says the same for three reasons: there is "
        f"no such role, it does not trust {hub}, or it asks for another external id than the one on the "
        f"set-up page. ({problem.code})"
    )


@transaction.atomic
def _keep_proof(place: AccountRegion, arn: str, by: User | None) -> None:
    audit.take_turn()
    now, here = clock.now(), AccountRegion.objects.filter(pk=place.pk)
    here.update(identity_arn=arn, identity_at=now)
    here.filter(last_error__startswith=NO_WAY_IN).update(last_error_code="", last_error="")
    if place.health in SHUT:  # what was shut for want of a way in may be tried again at once
        breaker.reset(place)
        here.update(backoff_until=None)
    audit.record("account.proved", place, by=by, detail={"arn": arn})


@transaction.atomic
def _keep_failure(place: AccountRegion, problem: AwsError, by: User | None) -> None:
    """A refusal takes an earlier proof back; silence proves nothing."""
    audit.take_turn()
    here = AccountRegion.objects.filter(pk=place.pk)
    here.update(last_error_code=problem.code, last_error=f"{NO_WAY_IN}{problem}")
    if problem.code in (*REFUSALS, WRONG_ACCOUNT):
        here.update(identity_arn="", identity_at=None)
    audit.record("account.not_proved", place, by=by, detail={"code": problem.code})


@transaction.atomic
def template(account: AwsAccount, kind: str) -> str:
    """Both roles of an account as a CloudFormation template, ``json`` or ``yaml``; "" while HUB_ROLE_ARN names no role
    that it could trust."""
    if not settings.HUB_ROLE_ARN:
        return ""
    document = iam.template(
        account,
        settings.HUB_ROLE_ARN,
        installation=settings.INSTALLATION,
        restore_role=settings.RESTORE_ROLE_NAME,
        mirrored=mirrored.switched_on(),
    )
    return iam.as_text(document, kind)


def add_environment(slug: str, name: str, *, is_production: bool, by: User | None) -> Environment:
    """One more stage, patched after those that are there. Raises InvalidInput, NotAllowed."""
    _raise_unless(by, Role.SECURITY_OPERATIONS)
    name, problems = name.strip(), []
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,19}", slug, re.ASCII):
        message = "Use 2–20 lower-case letters, digits and -, such as prod."
        problems.append(FieldProblem("slug", "format", message))
    elif Environment.objects.filter(slug=slug).exists():
        problems.append(FieldProblem("slug", "taken", f"There is an environment “{slug}” already."))
    if not 1 <= len(name) <= 40:
        problems.append(FieldProblem("name", "length", "Give the environment a name of 1 to 40 characters."))
    if problems:
        raise InvalidInput(problems)
    last = Environment.objects.aggregate(Max("rank"))["rank__max"] or 0
    environment = Environment.objects.create(slug=slug, name=name, is_production=is_production, rank=last + 1)
    audit.record("environment.added", environment, by=by, detail={"production": is_production})
    return environment


@transaction.atomic
def add_application(slug: str, name: str, team: Team, *, by: User | None) -> Application:
    """Give a team an application. Raises InvalidInput, NotAllowed."""
    _raise_unless(by, Role.SECURITY_OPERATIONS)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,39}", slug, re.ASCII):
        message = "Use 2–40 lower-case letters, digits and -, such as payments."
        raise InvalidInput([FieldProblem("slug", "format", message)])
    if Application.objects.filter(slug=slug).exists():
        raise InvalidInput([FieldProblem("slug", "taken", f"There is an application “{slug}” already.")])
    application = Application.objects.create(slug=slug, name=name.strip() or slug, team=team)
    audit.record("application.added", application, by=by, team=team)
    return application


@transaction.atomic
def add_selector(
    application: Application,
    environment: Environment,
    place: AccountRegion,
    tags: Mapping[str, str],
    *,
    by: User | None,
) -> Selector:
    """Say which instances are an application's. One that could match another application's is refused."""
    _raise_unless(by, Role.SECURITY_OPERATIONS)
    if not tags or not all(isinstance(value, str) and key and value for key, value in tags.items()):
        message = 'Name at least one tag with its value, such as {"App": "payments"}.'
        raise InvalidInput([FieldProblem("tags", "required", message)])
    for other in Selector.objects.filter(account_region=place).select_related("application"):
        if all(other.tags.get(key, value) == value for key, value in tags.items()):
            message = f"An instance could match this and {other}; add a tag in which the two differ."
            raise InvalidInput([FieldProblem("tags", "overlap", message)])
    selector = Selector.objects.create(
        application=application, environment=environment, account_region=place, tags=dict(tags)
    )
    AccountRegion.objects.filter(pk=place.pk).update(next_pull_at=clock.real_now())
    audit.record(
        "application.selector_added", selector, by=by, team=application.team, detail={"tags": dict(tags)}
    )
    return selector


@transaction.atomic
def remove_selector(selector: Selector, *, by: User | None) -> None:
    """Let go of what a selector matches; the next reading hands its instances to nobody. Raises NotAllowed."""
    _raise_unless(by, Role.SECURITY_OPERATIONS)
    application, place = selector.application, selector.account_region_id
    detail = {"application": application.slug, "tags": selector.tags}
    audit.record("application.selector_removed", selector, by=by, team=application.team, detail=detail)
    selector.delete()
    AccountRegion.objects.filter(pk=place).update(next_pull_at=clock.real_now())


def matching(place: AccountRegion, tags: Mapping[str, str]) -> list[ManagedInstance]:
    """Instances of an account-region that a selector with these tags matches, as inventory last saw them."""
    selector = Selector(account_region=place, tags=dict(tags))
    there = ManagedInstance.objects.present().filter(account_region=place)
    return [one for one in there.select_related("application", "environment") if selector.matches(one.tags)]


def _raise_unless(by: User | None, role: str) -> None:
    if by is not None and not roles.has_role(by, role):
        raise NotAllowed(f"Only {Role(role).label.lower()} do this.")
