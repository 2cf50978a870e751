"""The form of a maintenance window: when it opens by choices, how long, its tasks one by one, its instances."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from patching import documents, openings, run_paces, schedules, task_times
from patching.items import with_defaults
from patching.schedules import building
from patching.schedules.building import Choices
from patching.schedules.names import DAYS_OF_WEEK
from patching.web import task_forms
from patching.web.asking import Part, PlacedForm, ZoneField
from patching.web.opening_runs import Run
from patching.web.task_forms import TaskForms
from portal.governance import clock

RUNS = 12
WEEK = [*building.DAYS[1:], building.DAYS[0]]
WEEKDAYS = [(day, DAYS_OF_WEEK[building.DAYS.index(day)]) for day in WEEK]
WAYS = [
    ("patch_tuesday", "Some days after Patch Tuesday"),
    ("weekly", "Every week, on days that I choose"),
    ("nth", "Every month, on a day of a week"),
    ("day", "Every month, on a day of the month"),
    ("every", "Every so many days or hours"),
    ("once", "Once"),
    ("own", "By an expression of my own"),
]
# which field an answer about the schedule belongs to
FIELD_OF_WAY = {
    "patch_tuesday": "days_after",
    "weekly": "weekdays",
    "nth": "nth",
    "day": "day",
    "every": "every",
    "once": "on",
    "own": "expression",
}
WHEN = (
    "way",
    "days_after",
    "weekdays",
    "nth",
    "weekday",
    "day",
    "every",
    "unit",
    "on",
    "at",
    "offset",
    "expression",
)
DATES = ("start_date", "end_date")
WHY = ("title", "reason", "note")
MISSING = {
    "days_after": "Say how many days after Patch Tuesday, 0 to 20, such as 4.",
    "weekdays": "Choose a day, such as Sunday.",
    "every": "Say how many, such as 7.",
    "on": "Choose a day, such as 2026-06-20.",
    "expression": "Write an expression, such as cron(0 2 ? * SAT#3 *), or choose another way above.",
    "at": "Say a time, such as 20:00.",
}


@dataclass(frozen=True)
class Opening:
    """What the choices come to: words, the expression, and the next runs."""

    words: str
    expression: str
    offset: int
    timezone: str
    runs: list[Run]
    changes: list[str]


class DayField(forms.DateField):
    """A day by the browser's own calendar."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        super().__init__(required=False, widget=widget, input_formats=["%Y-%m-%d"], **kwargs)


class WindowForm(PlacedForm):
    """A maintenance window."""

    kind = "window"

    description = forms.CharField(required=False, max_length=128, label="Description")
    way = forms.ChoiceField(label="Opens", choices=WAYS)
    days_after = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=building.LATEST_AFTER_PATCH_TUESDAY,
        initial=0,
        label="Days after Patch Tuesday",
        help_text="0 to 20. Microsoft publishes on Patch Tuesday, the second Tuesday of the month.",
    )
    weekdays = forms.MultipleChoiceField(
        required=False,
        label="On",
        choices=WEEKDAYS,
        initial=["SUN"],
        widget=forms.CheckboxSelectMultiple,
    )
    nth = forms.ChoiceField(
        required=False,
        label="On the",
        choices=[
            *(("1", "first"), ("2", "second"), ("3", "third"), ("4", "fourth")),
            *(("5", "fifth, in the months that have one"), (building.LAST, "last")),
        ],
    )
    weekday = forms.ChoiceField(required=False, label="Day", choices=WEEKDAYS, initial="TUE")
    day = forms.ChoiceField(
        required=False,
        label="On",
        choices=[
            ("L", "the last day"),
            ("LW", "the last day from Monday to Friday"),
            *(
                (str(day), f"day {day}{'' if day < 29 else ', in the months that have it'}")
                for day in range(1, 32)
            ),
        ],
        initial="1",
    )
    every = forms.IntegerField(required=False, min_value=1, max_value=999, initial=7, label="Every")
    unit = forms.ChoiceField(
        required=False,
        label="Unit",
        choices=[("days", "days"), ("hours", "hours")],
        help_text="Counted from the start date, or from when the window is made.",
    )
    on = DayField(label="On")
    at = forms.TimeField(
        required=False,
        label="At",
        initial="20:00",
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    offset = forms.IntegerField(
        required=False,
        initial=0,
        label="Days later",
        help_text="0 to 6 days after that day; not for rate( ) and at( ).",
    )
    expression = forms.CharField(
        required=False,
        max_length=256,
        label="Expression of your own",
        help_text="AWS's dialect, such as cron(0 2 ? * SAT#3 *) or rate(7 days).",
    )
    timezone = ZoneField()
    start_date = DayField(label="Not before", help_text="From midnight UTC on.")
    end_date = DayField(label="Not from this day on", help_text="Midnight UTC. AWS disables it then.")
    duration = forms.IntegerField(
        label="Duration in hours", initial=4, help_text="4 h, and 1 h more for every 50 instances."
    )
    cutoff = forms.IntegerField(
        label="Cutoff in hours", initial=1, help_text="Nothing new starts in the last hours."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in WHEN:  # what belongs to the chosen way must be said, so none of it is called optional
            self.fields[name].bare = True  # type: ignore[attr-defined]
        rows = self.initial.get("tasks", task_forms.usual_rows())
        self.tasks = TaskForms(self.data if self.is_bound else None, initial=rows, prefix=task_forms.PREFIX)
        self.judged: WindowForm = self

    # What the page shows

    @property
    def parts(self) -> list[Part]:
        return [
            self._part("When it opens", *WHEN, "timezone", *DATES, more="patching/_opening.html"),
            self._part("How long", "duration", "cutoff"),
            self._part("What it does", more="patching/_task_forms.html"),
            self._part("What it is called", "name", "description"),
            self._part("What it patches", "az", "instances"),
            self._yours(),
        ]

    @property
    def ready_made(self) -> list[tuple[str, str]]:
        """What can be added: its name and its words."""
        return [(name, label) for name, (label, _) in task_forms.READY_MADE.items()]

    @property
    def known_documents(self) -> list[str]:
        return sorted(documents.known())

    @property
    def opening(self) -> Opening | None:
        """What the choices come to; None while they are not in order."""
        said = self.judged._said()
        if said is None:
            return None
        choices, zone, spec = said
        expression, offset = self.judged._written(choices)
        now = clock.now()
        try:
            words = schedules.explain(expression, timezone=zone, offset=offset)
            changes = schedules.clock_changes(expression, timezone=zone, offset=offset, start=now)
        except schedules.ScheduleError:
            return None
        when = {"schedule": expression, "timezone": zone, "offset": offset, **spec}
        starts = openings.next_starts(when, start=now, count=RUNS, since=now)
        length = timedelta(hours=spec["duration"])
        runs = [Run(start, start + length, ZoneInfo(zone)) for start in starts]
        return Opening(words, expression, offset, zone, runs, [str(change) for change in changes])

    @property
    def times(self) -> list[task_times.Begins]:
        """When each task begins, reckoned for the chosen instances; empty while something is not in order."""
        form = self.judged
        if not form.is_bound or set(form.errors) - set(WHY):
            return []
        spec = form.spec()
        if not spec["instances"]:
            return []
        full = with_defaults({"action": "create", "kind": "window", "target": None, "spec": spec})["spec"]
        systems = {one.instance_id: one.operating_system for one in form.members}
        return task_times.begins(
            full["tasks"],
            [systems.get(one, "") for one in full["instances"]],
            duration=full["duration"],
            cutoff=full["cutoff"],
            paces=run_paces.known(),
        )

    def _said(self) -> tuple[Choices, str, dict[str, Any]] | None:
        """The choices, the zone and the rest of the opening, from what was sent or what it begins with."""
        names = (*WHEN, *DATES, "timezone", "duration")
        if self.is_bound:
            if set(self.errors) & set(names):
                return None
            value: dict[str, Any] = {name: self.cleaned_data.get(name) for name in names}
        else:
            value = {name: self.fields[name].to_python(self[name].initial) for name in names}
        dates = {name: value[name].isoformat() if value[name] else "" for name in DATES}
        return _choices(value), value["timezone"], {**dates, "duration": value["duration"] or 1}

    def _written(self, choices: Choices) -> tuple[str, int]:
        """The expression; as it stands where the choices mean the same."""
        found, stands = building.written(choices), self.initial.get("stands")
        return stands if stands and building.same(found, stands) else found

    # What is asked for

    @property
    def field_of(self) -> Mapping[str, str]:  # type: ignore[override]
        way = self.cleaned_data.get("way", "own")
        when = FIELD_OF_WAY[way]
        return {"schedule": when, "offset": "days_after" if way == "patch_tuesday" else "offset"}

    def answers(self) -> dict[str, Any]:
        return {**super().answers(), **task_forms.data_of(self.tasks)}

    def part_of(self, path: str) -> tuple[forms.BaseForm, str] | None:
        found = re.match(r"tasks\[(\d+)\]\.(\w+)", path)
        if found is None or int(found[1]) >= len(self.tasks.forms):
            return None
        form = self.tasks.forms[int(found[1])]
        return (form, found[2]) if found[2] in form.fields else None

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        way = said.get("way")
        needed = [FIELD_OF_WAY[way]] if way in FIELD_OF_WAY else []
        if way not in ("every", "own"):
            needed.append("at")
        for name in needed:
            if name not in self.errors and said.get(name) in (None, "", []):
                self.add_error(name, MISSING[name])
        if not self.tasks.is_valid():
            for problem in self.tasks.non_form_errors():
                self.add_error(None, f"Tasks: {problem}")
            for number, form in enumerate(self.tasks.forms, start=1):
                for name, problems in form.errors.items():
                    self.add_error(None, f"Task {number}, {form.fields[name].label}: {problems[0]}")
        return said

    def spec(self) -> dict[str, Any]:
        said = self.cleaned_data
        schedule, offset = self._written(_choices(said))
        return {
            **super().spec(),
            "description": said["description"],
            "schedule": schedule,
            "timezone": said["timezone"],
            "offset": offset,
            "duration": said["duration"],
            "cutoff": said["cutoff"],
            **{name: said[name].isoformat() if said[name] else "" for name in DATES},
            "tasks": [form.spec() for form in self.tasks.forms],
        }

    @classmethod
    def filled_from(cls, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Initial values for a spec."""
        chosen = building.chosen_for(spec["schedule"], spec["offset"])
        kept = ("name", "description", "az", "timezone", "duration", "cutoff", "instances", *DATES)
        return {
            **{name: spec[name] for name in kept},
            **{one.name: getattr(chosen, one.name) for one in fields(chosen)},
            "weekdays": list(chosen.weekdays),
            "stands": (spec["schedule"], spec["offset"]),
            "tasks": task_forms.rows_of(spec["tasks"]),
        }

    def rearrange(self, data: QueryDict, do: str, judged: "WindowForm") -> None:
        """Take over what was filled in, with a task more, less or moved. It is not judged again: ``judged`` was."""
        for name, field in self.fields.items():
            self.initial[name] = field.widget.value_from_datadict(data, {}, name)
        rows = task_forms.rearranged(task_forms.rows_in(data), do)
        self.tasks = TaskForms(initial=rows, prefix=task_forms.PREFIX)
        self.judged = judged


def _choices(value: Mapping[str, Any]) -> Choices:
    """Choices from values of the form; what is not said has its usual value."""
    said = {one.name: value.get(one.name) for one in fields(Choices)}
    said["weekdays"] = tuple(said["weekdays"] or ())
    return Choices(**{name: one for name, one in said.items() if one not in (None, "", ())})
