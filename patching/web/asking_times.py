"""Forms that ask to keep windows shut: a freeze, several from a calendar, one opening skipped or moved."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms

from patching import freeze_calendar, missed, openings
from patching.freeze_calendar import CalendarError
from patching.models import AccountRegion, Application, Environment, MaintenanceWindow
from patching.shutting_items import in_utc, key_of
from patching.web.asking import AskForm, FromFileForm, Item, ObjectForm, Part, ZoneField, choices_of
from portal.governance import clock, roles
from portal.governance.models import User

OPENINGS_OFFERED = 12
LARGEST_CALENDAR = f"{freeze_calendar.MOST_BYTES // 1024} KiB"
LOCAL = "%Y-%m-%dT%H:%M"


class LocalField(forms.DateTimeField):
    """A date and time as they stand on the wall of a zone that another field names."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format=LOCAL)
        super().__init__(
            input_formats=[LOCAL, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"], widget=widget, **kwargs
        )

    def to_python(self, value: Any) -> str | None:  # type: ignore[override]
        """As text, without a zone put to it."""
        found = super().to_python(value)
        return found.replace(tzinfo=None).strftime(LOCAL) if isinstance(found, datetime) else None


class BoundForm(AskForm):
    """Whose windows stay shut."""

    application = forms.ChoiceField(required=False, label="Application")
    environment = forms.ChoiceField(required=False, label="Environment")
    place = forms.ChoiceField(required=False, label="Account and Region")
    field_of: ClassVar[Mapping[str, str]] = {"account": "place", "region": "place"}

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = Application.objects.filter(team__in=roles.teams_of(user))
        choices_of(self, "application").choices = [
            *((one.slug, one.name) for one in mine),
            ("", "Every application"),
        ]
        if mine and "application" not in self.initial:
            self.initial["application"] = mine[0].slug  # a freeze of everything is nobody's slip
        choices_of(self, "environment").choices = [
            ("", "All environments"),
            *((one.slug, one.name) for one in Environment.objects.all()),
        ]
        places = AccountRegion.objects.visible_to(user).filter(is_active=True).select_related("account")
        choices_of(self, "place").choices = [
            ("", "All"),
            *((f"{one.account.account_id}/{one.region}", str(one)) for one in places),
        ]
        for name in ("application", "environment", "place"):
            self.fields[name].bare = True  # type: ignore[attr-defined]

    def bounds(self) -> dict[str, str]:
        account, _, region = self.cleaned_data["place"].partition("/")
        names = ("application", "environment")
        return {**{name: self.cleaned_data[name] for name in names}, "account": account, "region": region}


class FreezeForm(BoundForm, ObjectForm):
    """One freeze, new or changed."""

    kind = "freeze"

    name = forms.CharField(min_length=3, max_length=80, label="Name", help_text="Such as Year-end closing.")
    starts_at = LocalField(label="From")
    ends_at = LocalField(label="Until", help_text="At most 90 days later.")
    timezone = ZoneField()
    why = forms.CharField(max_length=300, label="Why, in a line", help_text="Such as: the books are closed.")
    field_of: ClassVar[Mapping[str, str]] = {**BoundForm.field_of, "reason": "why"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        title = self.fields["title"]
        title.required, title.help_text = False, "Freeze: and its name, unless you say otherwise."

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("When windows stay shut", "starts_at", "ends_at", "timezone"),
            self._part("Whose windows", "application", "environment", "place"),
            self._part("What people read wherever one stays shut", "name", "why", layout="two"),
            self._yours(),
        ]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("name") and not said.get("title"):
            said["title"] = f"Freeze: {said['name']}"
        return said

    def spec(self) -> dict[str, Any]:
        said = self.cleaned_data
        names = ("name", "starts_at", "ends_at", "timezone")
        return {**{name: said[name] for name in names}, "reason": said["why"], **self.bounds()}

    @classmethod
    def filled_from(cls, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Initial values for a spec."""
        kept = {name: spec[name] for name in ("name", "timezone", "application", "environment")}
        place = f"{spec['account']}/{spec['region']}" if spec["account"] else ""
        moments = {name: datetime.fromisoformat(spec[name]) for name in ("starts_at", "ends_at")}
        return {**kept, **moments, "why": spec["reason"], "place": place}


class CalendarForm(BoundForm, FromFileForm):
    """Freezes from an iCalendar file or its text, one for each time in it."""

    file = forms.FileField(
        required=False,
        allow_empty_file=True,
        label="Calendar file",
        help_text=f"An .ics file as Outlook or Google Calendar exports it; {LARGEST_CALENDAR} at most.",
        widget=forms.ClearableFileInput(attrs={"accept": ".ics,text/calendar"}),
    )
    calendar = forms.CharField(
        required=False,
        strip=False,
        label="Or its text",
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "spellcheck": "false"}),
        help_text="From BEGIN:VCALENDAR to END:VCALENDAR. A file goes before the text.",
    )
    timezone = ZoneField(
        label="Zone for times without one", help_text="A floating time or a whole day is read in this zone."
    )
    field_of: ClassVar[Mapping[str, str]] = {**BoundForm.field_of, "items": "calendar"}

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("When windows stay shut", "file", "calendar", "timezone", layout="one"),
            self._part("Whose windows", "application", "environment", "place"),
            self._yours(),
        ]

    def clean_timezone(self) -> str:
        zone: str = self.cleaned_data["timezone"]
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise forms.ValidationError("Use an IANA zone such as Europe/Berlin.") from None
        return zone

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        upload = said.get("file")
        field = "calendar" if upload is None else "file"
        if "timezone" not in said or field in self.errors:
            return said
        # one byte more than is read, so that what is too large is called so and is not held in memory
        content = said["calendar"].encode() if upload is None else upload.read(freeze_calendar.MOST_BYTES + 1)
        if not content.strip():
            self.add_error(
                field, "Choose an .ics file, or paste its text, which begins with BEGIN:VCALENDAR."
            )
            return said
        try:
            said["times"] = freeze_calendar.read(content, zone=said["timezone"], at=clock.now())
        except CalendarError as problem:
            self.add_error(field, str(problem))
            return said
        if upload is not None:
            # a browser forgets a file that it has sent; its text stays on the page
            self.data = self.data.copy()  # type: ignore[attr-defined]
            self.data["calendar"] = content.decode("utf-8-sig")  # type: ignore[index]
        return said

    def items(self) -> list[Item]:
        bounds = self.bounds()
        return [
            {"action": "create", "kind": "freeze", "target": None, "spec": {**bounds, **one.spec()}}
            for one in self.cleaned_data.get("times", ())
        ]


class OccurrenceForm(ObjectForm):
    """One opening of a window, skipped or moved."""

    kind = "occurrence"
    field_of: ClassVar[Mapping[str, str]] = {"window": "run_at"}

    run_at = forms.ChoiceField(label="Which opening")
    what = forms.ChoiceField(
        label="What becomes of it",
        choices=[("skip", "It is skipped"), ("move", "It comes at another time")],
    )
    moved_to = LocalField(required=False, label="When it opens instead")
    override = forms.BooleanField(
        required=False,
        label="Though a freeze covers that time",
        help_text="Security operations decide too then, in production also the CISO.",
    )

    def __init__(
        self, *args: Any, window: MaintenanceWindow, kept: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.window = window
        zone = window.spec["timezone"]
        ahead = openings.next_starts(
            window.spec, start=clock.now(), count=OPENINGS_OFFERED, since=window.created_at
        )
        never_came = missed.last_of(window, clock.now())
        moments = sorted({*ahead, *(in_utc(one) for one in kept), *filter(None, [never_came])})
        choices_of(self, "run_at").choices = [
            (
                key_of(one),
                f"{openings.in_words([one], zone)}{', which never came' if one == never_came else ''}",
            )
            for one in moments
        ]
        self.fields[
            "moved_to"
        ].help_text = f"In {zone}. An extra window opens once then, with the same tasks."

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("The opening", "run_at", "what", "moved_to", "override", layout="one"),
            self._yours(),
        ]

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("what") == "move" and not said.get("moved_to"):
            self.add_error("moved_to", "Say when it opens instead, or skip it.")
        return said

    def spec(self) -> dict[str, Any]:
        said, window = self.cleaned_data, self.window
        moved = said["what"] == "move" and said["moved_to"]
        names = ("account", "region", "application", "environment")
        return {
            "window": window.name,
            **{name: window.spec[name] for name in names},
            "run_at": said["run_at"],
            "moved_to": _in_utc(said["moved_to"], window.spec["timezone"]) if moved else "",
            "override": bool(moved and said["override"]),
        }

    @classmethod
    def filled_from(cls, spec: Mapping[str, Any], timezone: str) -> dict[str, Any]:
        """Initial values for a spec."""
        moved = in_utc(spec["moved_to"]).astimezone(ZoneInfo(timezone)) if spec["moved_to"] else None
        return {
            "run_at": spec["run_at"],
            "what": "move" if moved else "skip",
            "moved_to": moved.replace(tzinfo=None) if moved else None,
            "override": spec["override"],
        }


def _in_utc(local: str, timezone: str) -> str:
    return key_of(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(timezone)))
