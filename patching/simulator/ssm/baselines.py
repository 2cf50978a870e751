"""Patch baselines, the account's own and AWS's, and which of them is the default for an operating system."""

from typing import Any

from patching.simulator.corner import once_per_token, picked
from patching.simulator.errors import Fault
from patching.simulator.ssm import predefined
from patching.simulator.ssm.tags import Tags

Reply = dict[str, Any]

UNKNOWN = "Patch Baseline to be retrieved does not exist."
WITHOUT_DELAY = ("DEBIAN", "UBUNTU", "RASPBIAN")
# What AWS answers where the request said nothing.
DEFAULTS: Reply = {
    "GlobalFilters": {"PatchFilters": []},
    "ApprovalRules": {"PatchRules": []},
    "ApprovedPatches": [],
    "ApprovedPatchesComplianceLevel": "UNSPECIFIED",
    "ApprovedPatchesEnableNonSecurity": False,
    "RejectedPatches": [],
    "RejectedPatchesAction": "ALLOW_AS_DEPENDENCY",
    "Sources": [],
}
CHANGEABLE = ("Name", *DEFAULTS, "Description", "AvailableSecurityUpdatesComplianceStatus")
UPDATED = ("BaselineId", "OperatingSystem", *CHANGEABLE, "CreatedDate", "ModifiedDate")


class Baselines(Tags):
    @once_per_token
    def create_patch_baseline(self, request: Reply) -> Reply:
        operating_system = request.get("OperatingSystem") or "WINDOWS"
        baseline = {"OperatingSystem": operating_system, **DEFAULTS, **picked(request, CHANGEABLE)}
        self._refuse_bad_rules(baseline)
        if len(self.state.baselines) >= (limit := self.quota("baselines")):
            raise Fault(
                "ResourceLimitExceededException",
                f"The limit of {limit} patch baselines per account and region is reached.",
            )
        baseline_id = f"pb-{self.world.new_hex(17)}"
        self.set_tags("PatchBaseline", baseline_id, request.get("Tags"))
        self.state.baselines[baseline_id] = {
            "BaselineId": baseline_id,
            **_with_rule_defaults(baseline),
            "CreatedDate": self.now_iso,
            "ModifiedDate": self.now_iso,
        }
        return {"BaselineId": baseline_id}

    def update_patch_baseline(self, request: Reply) -> Reply:
        baseline = self._own_baseline(request["BaselineId"])
        kept = dict(baseline)
        if request.get("Replace"):
            if not request.get("Name"):
                raise Fault("ValidationException", "With Replace, Name must be given.")
            kept = {key: value for key, value in baseline.items() if key not in CHANGEABLE} | DEFAULTS
        changed = _with_rule_defaults(kept | picked(request, CHANGEABLE)) | {"ModifiedDate": self.now_iso}
        self._refuse_bad_rules(changed)
        self.state.baselines[request["BaselineId"]] = changed
        return picked(changed, UPDATED)

    def get_patch_baseline(self, request: Reply) -> Reply:
        baseline = self.baseline(request["BaselineId"])
        return {**baseline, "PatchGroups": self.groups_of(baseline["BaselineId"])}

    def describe_patch_baselines(self, request: Reply) -> Reply:
        rows = [
            row
            for row in (*predefined.baselines(self.region_name).values(), *self.state.baselines.values())
            if self._passes(row, request.get("Filters"))
        ]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"BaselineIdentities": [self.identity(row) for row in page], "NextToken": token}

    def delete_patch_baseline(self, request: Reply) -> Reply:
        """AWS's model has no error for an unknown baseline here, so that deleting twice is fine."""
        baseline_id = request["BaselineId"]
        if self.chooses("unknown-baseline", "does-not-exist"):
            self._own_baseline(baseline_id)
        if groups := self.groups_of(baseline_id):
            raise Fault(
                "ResourceInUseException",
                f"PatchBaseline to be deleted is used for Patch Group: {', '.join(groups)}",
            )
        if baseline_id in self.state.default_baselines.values():
            raise Fault(
                "ResourceInUseException",
                "PatchBaseline to be deleted is the default of its operating system.",
            )
        self.state.baselines.pop(baseline_id, None)
        self.state.tags.pop(f"PatchBaseline/{baseline_id}", None)
        return {"BaselineId": baseline_id}

    def get_default_patch_baseline(self, request: Reply) -> Reply:
        operating_system = request.get("OperatingSystem") or "WINDOWS"
        return {"BaselineId": self.default_for(operating_system), "OperatingSystem": operating_system}

    def register_default_patch_baseline(self, request: Reply) -> Reply:
        baseline = self.baseline(request["BaselineId"])
        if baseline["BaselineId"] in self.state.baselines:
            self.state.default_baselines[baseline["OperatingSystem"]] = baseline["BaselineId"]
        else:  # one of AWS's: back to the beginning
            self.state.default_baselines.pop(baseline["OperatingSystem"], None)
        return {"BaselineId": baseline["BaselineId"]}

    def default_for(self, operating_system: str) -> str:
        own = self.state.default_baselines.get(operating_system)
        return own or predefined.default_for(self.region_name, operating_system)

    def baseline(self, baseline_id: str) -> Reply:
        found = self.state.baselines.get(baseline_id) or predefined.baselines(self.region_name).get(
            baseline_id
        )
        if found is None:
            raise Fault("DoesNotExistException", UNKNOWN)
        return found

    def baseline_or_default(self, baseline_id: str, operating_system: str) -> Reply:
        """The default where the baseline was deleted meanwhile."""
        known = baseline_id in self.state.baselines or baseline_id in predefined.baselines(self.region_name)
        return self.baseline(baseline_id if known else self.default_for(operating_system))

    def groups_of(self, baseline_id: str) -> list[str]:
        return sorted(name for name, by_os in self.state.groups.items() if baseline_id in by_os.values())

    def identity(self, baseline: Reply) -> Reply:
        return {
            "BaselineId": baseline["BaselineId"],
            "BaselineName": baseline["Name"],
            "OperatingSystem": baseline["OperatingSystem"],
            "BaselineDescription": baseline.get("Description", ""),
            "DefaultBaseline": self.default_for(baseline["OperatingSystem"]) == baseline["BaselineId"],
        }

    def _refuse_bad_rules(self, baseline: Reply) -> None:
        for number, rule in enumerate(baseline["ApprovalRules"]["PatchRules"], start=1):
            ways = [name for name in ("ApproveAfterDays", "ApproveUntilDate") if rule.get(name) is not None]
            if len(ways) > 1 and self.chooses("delay-and-date", "refused"):
                raise Fault(
                    "ValidationException", f"Rule {number} has both ApproveAfterDays and ApproveUntilDate."
                )
            filters = rule["PatchFilterGroup"]["PatchFilters"]
            if len(filters) > 4 and self.chooses("rule-filters", "four"):
                path = f"approvalRules.patchRules.{number}.member.patchFilterGroup.patchFilters"
                raise Fault(
                    "ValidationException",
                    f"1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must "
                    "have length less than or equal to 4",
                )
            if not ways and baseline["OperatingSystem"] not in WITHOUT_DELAY:
                raise Fault(
                    "ValidationException", f"Rule {number} needs ApproveAfterDays or ApproveUntilDate."
                )

    def _own_baseline(self, baseline_id: str) -> Reply:
        if baseline_id not in self.state.baselines:
            raise Fault("DoesNotExistException", UNKNOWN)
        return self.state.baselines[baseline_id]

    def _passes(self, row: Reply, filters: list[Reply] | None) -> bool:
        owner = "Self" if row["BaselineId"] in self.state.baselines else "AWS"
        return all(passes_filter(one, row["Name"], row["OperatingSystem"], owner) for one in filters or [])


def passes_filter(one: Reply, name: str, operating_system: str, owner: str | None = None) -> bool:
    """One filter of the describe calls. NAME_PREFIX is a prefix, the others are equal."""
    key, values = one["Key"], one.get("Values", [])
    if key == "NAME_PREFIX":
        return any(name.startswith(value) for value in values)
    if key == "OPERATING_SYSTEM":
        return operating_system in values
    if key == "OWNER" and owner:
        return owner in values
    raise Fault("ValidationException", f"The filter key {key} is not valid.")


def _with_rule_defaults(baseline: Reply) -> Reply:
    rules = [
        {"ComplianceLevel": "UNSPECIFIED", "EnableNonSecurity": False, **rule}
        for rule in baseline["ApprovalRules"]["PatchRules"]
    ]
    return baseline | {"ApprovalRules": {"PatchRules": rules}}
