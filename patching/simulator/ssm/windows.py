"""Maintenance windows: create, update, read, delete, and when they run next."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from patching import schedules
from patching.simulator.corner import matches, once_per_token, picked, read_date
from patching.simulator.errors import Fault
from patching.simulator.ssm.tags import Tags
from patching.simulator.state import moment

Reply = dict[str, Any]

REQUIRED = ("Name", "Schedule", "Duration", "Cutoff", "AllowUnassociatedTargets")
OPTIONAL = ("Description", "StartDate", "EndDate", "ScheduleTimezone", "ScheduleOffset")
IDENTITY: tuple[str, ...] = ("WindowId", "Name", "Description", "Enabled", "Duration", "Cutoff", "Schedule")
IDENTITY += ("ScheduleTimezone", "ScheduleOffset", "EndDate", "StartDate")
SCHEDULE = ("Schedule", "ScheduleTimezone", "ScheduleOffset")
UPDATED = ("WindowId", *REQUIRED, *OPTIONAL, "Enabled")
FILTERS = {"Name": lambda row: row["Name"], "Enabled": lambda row: str(row["Enabled"]).lower()}
UNKNOWN = "Maintenance window {} does not exist"


class Windows(Tags):
    @once_per_token
    def create_maintenance_window(self, request: Reply) -> Reply:
        self._refuse_bad_window(request)
        if len(self.state.windows) >= (limit := self.quota("windows")):
            raise Fault(
                "ResourceLimitExceededException",
                f"The limit of {limit} maintenance windows per account and region is reached.",
            )
        window_id = f"mw-{self.world.new_hex(17)}"
        self.set_tags("MaintenanceWindow", window_id, request.get("Tags"))
        self.state.windows[window_id] = {
            "WindowId": window_id,
            **picked(request, REQUIRED + OPTIONAL),
            "Enabled": True,
            "CreatedDate": self.now_iso,
            "ModifiedDate": self.now_iso,
        }
        if self.world.controls.seconds("read-after-create"):
            self.state.born[window_id] = self.world.real_time()
        return {"WindowId": window_id}

    def update_maintenance_window(self, request: Reply) -> Reply:
        window = self.window(request["WindowId"])
        changed = dict(window)
        if request.get("Replace"):
            for name in REQUIRED:
                if request.get(name) is None:
                    raise Fault("ValidationException", f"With Replace, {name} must be given.")
            changed = {name: value for name, value in window.items() if name not in OPTIONAL}
        changed |= picked(request, (*REQUIRED, *OPTIONAL, "Enabled"))
        # A schedule that is over may stay: such a window can still be switched off.
        self._refuse_bad_window(
            changed, check_schedule=any(changed.get(k) != window.get(k) for k in SCHEDULE)
        )
        self.state.windows[request["WindowId"]] = changed | {"ModifiedDate": self.now_iso}
        return picked(changed, UPDATED)

    def get_maintenance_window(self, request: Reply) -> Reply:
        window = self.window(request["WindowId"])
        return {**window, "NextExecutionTime": next_execution_time(window, self.now)}

    def describe_maintenance_windows(self, request: Reply) -> Reply:
        rows = [row for row in self.state.windows.values() if matches(request.get("Filters"), FILTERS, row)]
        return self._identities(rows, request)

    def describe_maintenance_windows_for_target(self, request: Reply) -> Reply:
        wanted = request["Targets"]
        ids = {
            target["WindowId"]
            for target in self.state.targets.values()
            if target["ResourceType"] == request["ResourceType"]
            and any(one in target["Targets"] for one in wanted)
        }
        rows = [self.state.windows[window_id] for window_id in sorted(ids)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"WindowIdentities": [picked(row, ("WindowId", "Name")) for row in page], "NextToken": token}

    def delete_maintenance_window(self, request: Reply) -> Reply:
        """AWS's model has no error for an unknown window here, so that deleting twice is fine; moto has one."""
        window_id = request["WindowId"]
        if self.chooses("unknown-window", "does-not-exist"):
            self.window(window_id)
        self.state.windows.pop(window_id, None)
        self.state.born.pop(window_id, None)
        self.state.tags.pop(f"MaintenanceWindow/{window_id}", None)
        for kind in (self.state.targets, self.state.tasks):
            for key in [key for key, row in kind.items() if row["WindowId"] == window_id]:
                del kind[key]
        return {"WindowId": window_id}

    def describe_maintenance_window_schedule(self, request: Reply) -> Reply:
        windows = self._windows_asked_for(request)
        start, end = self._period(request.get("Filters"))
        coming = [
            (run, window)
            for window in windows
            if window["Enabled"]
            for run in runs(window, start, count=100, end=end)
        ]
        rows = [
            {
                "WindowId": window["WindowId"],
                "Name": window["Name"],
                "ExecutionTime": local_minute(run, window),
            }
            for run, window in sorted(coming, key=lambda pair: (pair[0], pair[1]["WindowId"]))
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"ScheduledWindowExecutions": page, "NextToken": token}

    def window(self, window_id: str) -> Reply:
        if window_id not in self.state.windows:
            raise Fault("DoesNotExistException", UNKNOWN.format(window_id))
        return self.state.windows[window_id]

    def window_for_children(self, window_id: str) -> Reply:
        """The window that a target or task is put on: just made, it may not be known everywhere yet."""
        window = self.window(window_id)
        age = self.world.real_time() - self.state.born.get(window_id, 0)
        if age < self.world.controls.seconds("read-after-create"):
            raise Fault("DoesNotExistException", UNKNOWN.format(window_id))
        return window

    def _identities(self, rows: list[Reply], request: Reply) -> Reply:
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        identities = [
            {**picked(row, IDENTITY), "NextExecutionTime": next_execution_time(row, self.now)} for row in page
        ]
        return {"WindowIdentities": identities, "NextToken": token}

    def _windows_asked_for(self, request: Reply) -> list[Reply]:
        if request.get("WindowId"):
            return [self.window(request["WindowId"])]
        if request.get("Targets"):
            wanted = request["Targets"]
            ids = {
                t["WindowId"]
                for t in self.state.targets.values()
                if any(one in t["Targets"] for one in wanted)
            }
            return [self.state.windows[window_id] for window_id in sorted(ids)]
        return list(self.state.windows.values())

    def _period(self, filters: list[Reply] | None) -> tuple[datetime, datetime | None]:
        given = {one["Key"]: read_date(one["Key"], one["Values"][0]) for one in filters or []}
        if unknown := given.keys() - {"ScheduledAfter", "ScheduledBefore"}:
            raise Fault("ValidationException", f"The filter key {min(unknown)} is not valid.")
        return max(self.now, given.get("ScheduledAfter", self.now)), given.get("ScheduledBefore")

    def _refuse_bad_window(self, window: Reply, *, check_schedule: bool = True) -> None:
        hours = window["Duration"] - self.chooses("cutoff", "an-hour-less")
        if window["Cutoff"] >= hours:
            # AWS's own words, which are off by one or not, depending on what they mean.
            raise Fault(
                "ValidationException",
                f"Cuttoff was {window['Cutoff']} but must be smaller than {window['Duration'] - 1} (Duration - 1 )",
            )
        for name in ("StartDate", "EndDate"):
            if window.get(name):
                read_date(name, window[name])
        if not check_schedule:
            return
        problems = schedules.window_problems(
            window["Schedule"],
            timezone=window.get("ScheduleTimezone") or "UTC",
            offset=window.get("ScheduleOffset") or 0,
            now=self.now,
        )
        if problems:
            raise Fault("ValidationException", f"Invalid schedule {window['Schedule']}: {problems[0]}")


def runs(window: Reply, start: datetime, *, count: int, end: datetime | None = None) -> list[datetime]:
    """The window's next start times, inside its active dates. An offset of days is in them already."""
    opens = read_date("StartDate", window["StartDate"]) if window.get("StartDate") else None
    closes = read_date("EndDate", window["EndDate"]) if window.get("EndDate") else None
    ends = [when for when in (closes, end) if when]
    return schedules.next_runs(
        window["Schedule"],
        timezone=window.get("ScheduleTimezone") or "UTC",
        offset=window.get("ScheduleOffset") or 0,
        start=max(start, opens) if opens else start,
        count=count,
        end=min(ends) if ends else None,
        # Without a StartDate, or with one in the past, a rate counts from when the window was made.
        anchor=max(opens, moment(window["CreatedDate"])) if opens else moment(window["CreatedDate"]),
    )


def next_execution_time(window: Reply, now: datetime) -> str | None:
    """AWS leaves it out where nothing will run: switched off, or past its end."""
    coming = runs(window, now + timedelta(seconds=1), count=1) if window["Enabled"] else []
    return local_minute(coming[0], window) if coming else None


def local_minute(run: datetime, window: Reply) -> str:
    """AWS's odd form: no seconds, Z for UTC, otherwise the window's own offset."""
    there = run.astimezone(ZoneInfo(window.get("ScheduleTimezone") or "UTC"))
    return there.isoformat(timespec="minutes").replace("+00:00", "Z")
