"""Forms of the pages about people: shape and words only; what is allowed is said by ``granting``."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.db.models import QuerySet

from portal.governance import clock
from portal.governance.errors import DomainError
from portal.governance.models import Role, Team, User
from portal.governance.templatetags.governance import display_zone


class DayField(forms.DateField):
    """A day of the zone in which the portal shows times."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **kwargs)


def begin_of(day: date) -> datetime:
    """The first moment of a day; of today, now."""
    return max(datetime.combine(day, time.min, display_zone()), clock.now()) if day == today() else _at(day)


def end_of(day: date) -> datetime:
    """The last second of a day, so that the day itself still counts."""
    return datetime.combine(day, time(23, 59, 59), display_zone())


def today() -> date:
    return clock.now().astimezone(display_zone()).date()


def _at(day: date) -> datetime:
    return datetime.combine(day, time.min, display_zone())


class PersonForm(forms.Form):
    """Somebody new."""

    name = forms.CharField(label="Name", max_length=100, help_text="As colleagues know them: Rita Braun")
    username = forms.CharField(label="User name", max_length=40, help_text="What they sign in with: r.braun")
    email = forms.CharField(label="E-mail", max_length=254, widget=forms.EmailInput)


class TeamForm(forms.Form):
    """A new team."""

    name = forms.CharField(label="Name", max_length=80, help_text="Such as Payments Platform")
    slug = forms.CharField(
        label="Short name", max_length=40, help_text="Lower-case letters, digits and -, such as payments"
    )


class GrantForm(forms.Form):
    """A role, perhaps until a day."""

    role = forms.ChoiceField(label="Role", choices=[("", "Choose a role"), *Role.choices])
    ends_on = DayField(
        label="Last day", required=False, help_text="Leave it empty for a role without an end."
    )


class JoinForm(forms.Form):
    """A team to join."""

    team: Any = forms.ModelChoiceField(Team.objects.none(), label="Team", empty_label="Choose a team")
    is_lead = forms.BooleanField(label="Leads the team", required=False)

    def __init__(self, *args: Any, teams: QuerySet[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]


class DelegateForm(forms.Form):
    """A CISO's decisions in other hands for some days."""

    to: Any = forms.ModelChoiceField(User.objects.none(), label="Delegate to", empty_label="Choose a person")
    starts_on = DayField(label="First day")
    ends_on = DayField(label="Last day")

    def __init__(self, *args: Any, people: QuerySet[User], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["to"].queryset = people  # type: ignore[attr-defined]


# a verb's word for a field → the form's
FIELDS = {"ends_at": "ends_on", "starts_at": "starts_on"}


def tell(form: forms.BaseForm, problem: DomainError) -> None:
    """Say what a verb refused: under the field it is about, or above them all."""
    for one in problem.problems:
        name = FIELDS.get(one.field, one.field)
        form.add_error(name if name in form.fields else None, one.message)
    if not problem.problems:
        form.add_error(None, str(problem))
