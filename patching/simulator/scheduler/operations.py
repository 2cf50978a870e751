"""Schedules and schedule groups. When they fire, and what happens then, is `firing.py`'s."""

from typing import Any

from patching import schedules
from patching.simulator.corner import Corner, once_per_token, picked
from patching.simulator.errors import Fault

Reply = dict[str, Any]

DEFAULT = "default"
OPTIONAL = ("StartDate", "EndDate", "Description", "KmsKeyArn")
DEFAULTS = {"ScheduleExpressionTimezone": "UTC", "State": "ENABLED", "ActionAfterCompletion": "NONE"}
CONTENT = ("ScheduleExpression", "Target", "FlexibleTimeWindow", *DEFAULTS, *OPTIONAL)
SUMMARY = ("Arn", "Name", "GroupName", "State", "CreationDate", "LastModificationDate")
RETRIES = {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}


class Scheduler(Corner):
    def token_mismatch(self) -> Fault:
        return Fault("ConflictException", "The client token was used before, with other parameters.")

    def bad_page_token(self) -> Fault:
        return Fault("ValidationException", "Invalid NextToken.")

    def is_there(self, reply: Reply) -> bool:
        kinds = (self.state.schedules, self.state.schedule_groups)
        return any(row["Arn"] in reply.values() for kind in kinds for row in kind.values())

    @once_per_token
    def create_schedule(self, request: Reply) -> Reply:
        group = self._group(request.get("GroupName") or DEFAULT)["Name"]
        key = f"{group}/{request['Name']}"
        if key in self.state.schedules:
            raise Fault("ConflictException", f"Schedule {request['Name']} already exists.")
        schedule = {
            "Arn": f"arn:aws:scheduler:{self.region_name}:{self.account_id}:schedule/{key}",
            "Name": request["Name"],
            "GroupName": group,
            "CreationDate": self.now_iso,
        }
        return self._keep(key, schedule, request)

    def update_schedule(self, request: Reply) -> Reply:
        """Everything is replaced: what the request leaves out goes back to its default."""
        key, old = self._schedule(request)
        return self._keep(key, picked(old, ("Arn", "Name", "GroupName", "CreationDate")), request)

    def get_schedule(self, request: Reply) -> Reply:
        return dict(self._schedule(request)[1])

    def delete_schedule(self, request: Reply) -> Reply:
        del self.state.schedules[self._schedule(request)[0]]
        return {}

    def list_schedules(self, request: Reply) -> Reply:
        if request.get("GroupName"):
            self._group(request["GroupName"])
        rows = [
            {**picked(row, SUMMARY), "Target": {"Arn": row["Target"]["Arn"]}}
            for row in self.state.schedules.values()
            if request.get("GroupName") in (None, row["GroupName"])
            and request.get("State") in (None, row["State"])
            and row["Name"].startswith(request.get("NamePrefix") or "")
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=100)
        return {"Schedules": page, "NextToken": token}

    @once_per_token
    def create_schedule_group(self, request: Reply) -> Reply:
        name = request["Name"]
        if name == DEFAULT or name in self.state.schedule_groups:
            raise Fault("ConflictException", f"Schedule group {name} already exists.")
        group = self._new_group(name)
        self.state.schedule_groups[name] = group
        self.state.tags[group["Arn"]] = {tag["Key"]: tag["Value"] for tag in request.get("Tags") or []}
        return {"ScheduleGroupArn": group["Arn"]}

    def get_schedule_group(self, request: Reply) -> Reply:
        return dict(self._group(request["Name"]))

    def list_schedule_groups(self, request: Reply) -> Reply:
        groups = [self._group(DEFAULT), *self.state.schedule_groups.values()]
        rows = [group for group in groups if group["Name"].startswith(request.get("NamePrefix") or "")]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=100)
        return {"ScheduleGroups": page, "NextToken": token}

    def delete_schedule_group(self, request: Reply) -> Reply:
        """Its schedules go with it."""
        name = request["Name"]
        if name == DEFAULT:
            raise Fault("ValidationException", "The default schedule group cannot be deleted.")
        self.state.tags.pop(self._group(name)["Arn"], None)
        del self.state.schedule_groups[name]
        for key in [key for key, row in self.state.schedules.items() if row["GroupName"] == name]:
            del self.state.schedules[key]
        return {}

    def tag_resource(self, request: Reply) -> Reply:
        self._tags(request).update({tag["Key"]: tag["Value"] for tag in request["Tags"]})
        return {}

    def untag_resource(self, request: Reply) -> Reply:
        tags = self._tags(request)
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, request: Reply) -> Reply:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tags(request).items()]}

    def _keep(self, key: str, schedule: Reply, request: Reply) -> Reply:
        kept = {**schedule, **DEFAULTS, **picked(request, CONTENT), "LastModificationDate": self.now_iso}
        kept["Target"] = {"RetryPolicy": RETRIES, **kept["Target"]}
        self._refuse_bad_schedule(kept)
        self.state.schedules[key] = kept
        return {"ScheduleArn": kept["Arn"]}

    def _refuse_bad_schedule(self, schedule: Reply) -> None:
        expression, timezone = schedule["ScheduleExpression"], schedule["ScheduleExpressionTimezone"]
        try:
            coming = schedules.next_runs(expression, timezone=timezone, start=self.now, count=1)
        except schedules.ScheduleError as error:
            raise Fault("ValidationException", f"Invalid Schedule Expression {expression}. {error}") from None
        if not coming and expression.startswith("at("):
            raise Fault("ValidationException", f"The schedule expression {expression} is in the past.")
        flexible = schedule["FlexibleTimeWindow"]
        if (flexible["Mode"] == "FLEXIBLE") != (flexible.get("MaximumWindowInMinutes") is not None):
            raise Fault(
                "ValidationException", "MaximumWindowInMinutes goes with the mode FLEXIBLE, and only with it."
            )
        if schedule["Target"]["RoleArn"] != self.scheduler_role():
            raise Fault(
                "ValidationException",
                "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            )

    def scheduler_role(self) -> str | None:
        """The one role of this account that the Scheduler may assume."""
        account = self.world.accounts.get(self.account_id)
        return f"arn:aws:iam::{account.account}:role/{account.scheduler_role}" if account else None

    def _schedule(self, request: Reply) -> tuple[str, Reply]:
        key = f"{request.get('GroupName') or DEFAULT}/{request['Name']}"
        if key not in self.state.schedules:
            raise Fault("ResourceNotFoundException", f"Schedule {request['Name']} does not exist.")
        return key, self.state.schedules[key]

    def _group(self, name: str) -> Reply:
        if name == DEFAULT:
            return self._new_group(DEFAULT)
        if name not in self.state.schedule_groups:
            raise Fault("ResourceNotFoundException", f"Schedule group {name} does not exist.")
        return self.state.schedule_groups[name]

    def _new_group(self, name: str) -> Reply:
        return {
            "Arn": f"arn:aws:scheduler:{self.region_name}:{self.account_id}:schedule-group/{name}",
            "Name": name,
            "State": "ACTIVE",
            "CreationDate": self.now_iso,
            "LastModificationDate": self.now_iso,
        }

    def _tags(self, request: Reply) -> dict[str, str]:
        """Only groups carry tags, as in AWS."""
        if request["ResourceArn"] not in self.state.tags:
            raise Fault("ResourceNotFoundException", f"{request['ResourceArn']} does not exist.")
        return self.state.tags[request["ResourceArn"]]
