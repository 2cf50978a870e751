"""Who hears of an application's windows: its team, less who opted out, and who follows it and may see it today."""

from collections.abc import Collection, Iterable

from django.db import transaction

from patching.models import Application, NoticeChoice
from portal.governance import clock, roles
from portal.governance.models import User


def concerned(application: Application) -> list[User]:
    """Active people who get the notices of this application now, by their own choice before their team's."""
    said = dict(NoticeChoice.objects.filter(application=application).values_list("user", "wanted"))
    team = User.objects.filter(memberships__team=application.team, is_active=True)
    people = {person.pk: person for person in team if said.get(person.pk, True)}
    followers = [pk for pk, wanted in said.items() if wanted and pk not in people]
    for person in User.objects.filter(pk__in=followers, is_active=True):
        if Application.objects.visible_to(person).filter(pk=application.pk).exists():
            people[person.pk] = person
    return sorted(people.values(), key=lambda person: person.pk)


def choices_of(user: User) -> list[tuple[Application, bool, bool]]:
    """Each application that this person may see: whether they hear of it, and whether they are in its team."""
    said = dict(NoticeChoice.objects.filter(user=user).values_list("application", "wanted"))
    teams = set(roles.teams_of(user).values_list("pk", flat=True))
    rows = Application.objects.visible_to(user).select_related("team")
    return [(one, said.get(one.pk, one.team_id in teams), one.team_id in teams) for one in rows]


@transaction.atomic
def choose(user: User, wanted: Iterable[int]) -> None:
    """Hear of these applications and of no other; pks of such as this person may not see are passed over."""
    chosen: Collection[int] = set(wanted)
    for application, hears, _ in choices_of(user):
        if (application.pk in chosen) != hears:
            NoticeChoice.objects.update_or_create(
                user=user,
                application=application,
                defaults={"wanted": not hears, "at": clock.now()},
            )
