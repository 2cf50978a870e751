"""Findings: those that follow from nodes, those that were imported, and what people said of either."""

from collections.abc import Callable, Iterator
from typing import Any

from patching.simulator.corner import Corner, picked
from patching.simulator.errors import Fault
from patching.simulator.securityhub.controls import SEVERITIES, findings_of
from patching.simulator.state import moment

Reply = dict[str, Any]

UPDATABLE = (
    "Confidence",
    "Criticality",
    "Types",
    "UserDefinedFields",
    "VerificationState",
    "RelatedFindings",
)
LABELS = SEVERITIES | {"CRITICAL": 90}
# Where a filter looks: a finding has one value there, or several.
TEXTS: dict[str, Callable[[Reply], list[str]]] = {
    "Id": lambda row: [row["Id"]],
    "ProductArn": lambda row: [row["ProductArn"]],
    "ProductName": lambda row: [row.get("ProductName", "")],
    "CompanyName": lambda row: [row.get("CompanyName", "")],
    "AwsAccountId": lambda row: [row["AwsAccountId"]],
    "Region": lambda row: [row.get("Region", "")],
    "GeneratorId": lambda row: [row["GeneratorId"]],
    "Type": lambda row: row.get("Types", []),
    "Title": lambda row: [row["Title"]],
    "SeverityLabel": lambda row: [row.get("Severity", {}).get("Label", "")],
    "ResourceType": lambda row: [one["Type"] for one in row["Resources"]],
    "ResourceId": lambda row: [one["Id"] for one in row["Resources"]],
    "ComplianceStatus": lambda row: [row.get("Compliance", {}).get("Status", "")],
    "ComplianceSecurityControlId": lambda row: [row.get("Compliance", {}).get("SecurityControlId", "")],
    "WorkflowStatus": lambda row: [row.get("Workflow", {}).get("Status", "")],
    "RecordState": lambda row: [row.get("RecordState", "")],
    "VerificationState": lambda row: [row.get("VerificationState", "")],
    "NoteText": lambda row: [row.get("Note", {}).get("Text", "")],
    "NoteUpdatedBy": lambda row: [row.get("Note", {}).get("UpdatedBy", "")],
}
MAPS: dict[str, Callable[[Reply], list[dict[str, str]]]] = {
    "ProductFields": lambda row: [row.get("ProductFields", {})],
    "UserDefinedFields": lambda row: [row.get("UserDefinedFields", {})],
    "ResourceTags": lambda row: [one.get("Tags", {}) for one in row["Resources"]],
}
DATES = ("FirstObservedAt", "LastObservedAt", "CreatedAt", "UpdatedAt")
COMPARE: dict[str, Callable[[str, str], bool]] = {
    "EQUALS": lambda has, wants: has == wants,
    "PREFIX": lambda has, wants: has.startswith(wants),
    "CONTAINS": lambda has, wants: wants in has,
    "CONTAINS_WORD": lambda has, wants: wants in has.split(),
}
NEGATIONS = {"NOT_EQUALS": "EQUALS", "PREFIX_NOT_EQUALS": "PREFIX", "NOT_CONTAINS": "CONTAINS"}


class SecurityHub(Corner):
    def get_findings(self, request: Reply) -> Reply:
        """Of the account and region that is asked; nothing is aggregated here."""
        filters = request.get("Filters") or {}
        rows = [row for row in self._findings() if all(_passes(row, *one) for one in filters.items())]
        for one in reversed(request.get("SortCriteria") or []):
            rows = _sorted(rows, one["Field"], backwards=one.get("SortOrder") == "desc")
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=100)
        return {"Findings": page, "NextToken": token}

    def batch_import_findings(self, request: Reply) -> Reply:
        """A finding sent again replaces the first; what people said of it stays. It must be of this account."""
        failed = []
        for finding in request["Findings"]:
            if finding["AwsAccountId"] != self.account_id:
                why = {"ErrorCode": "InvalidInput", "ErrorMessage": "The finding is of another account."}
                failed.append({"Id": finding["Id"], **why})
                continue
            kept = {"RecordState": "ACTIVE", "Workflow": {"Status": "NEW"}, "WorkflowState": "NEW", **finding}
            kept["Severity"] = _severity(finding.get("Severity") or {})
            self.state.imported_findings[finding["Id"]] = kept
        return {
            "FailedCount": len(failed),
            "SuccessCount": len(request["Findings"]) - len(failed),
            "FailedFindings": failed,
        }

    def batch_update_findings(self, request: Reply) -> Reply:
        known = {(row["Id"], row["ProductArn"]) for row in self._findings()}
        done, failed = [], []
        said = picked(request, UPDATABLE)
        if request.get("Note"):
            said["Note"] = {**request["Note"], "UpdatedAt": self.now_iso}
        if request.get("Workflow"):
            said["Workflow"] = request["Workflow"]
        if request.get("Severity"):
            said["Severity"] = _severity(request["Severity"])
        for one in request["FindingIdentifiers"]:
            if (one["Id"], one["ProductArn"]) not in known:
                why = {"ErrorCode": "FindingNotFound", "ErrorMessage": "The finding does not exist."}
                failed.append({"FindingIdentifier": one, **why})
                continue
            before = self.state.finding_updates.get(one["Id"], {})
            self.state.finding_updates[one["Id"]] = {**before, **said}
            done.append(one)
        return {"ProcessedFindings": done, "UnprocessedFindings": failed}

    def bad_page_token(self) -> Fault:
        return Fault("InvalidInputException", "The token is not valid.")

    def _findings(self) -> Iterator[Reply]:
        said = self.state.finding_updates
        for node in self.world.nodes_in(self.account_id, self.region_name):
            for row in findings_of(node, self.state):
                yield row | said[row["Id"]] if row["Id"] in said else row
        for row in self.state.imported_findings.values():
            yield row | said.get(row["Id"], {})


def _sorted(rows: list[Reply], member: str, *, backwards: bool) -> list[Reply]:
    return sorted(rows, key=lambda row: str(row.get(member, "")), reverse=backwards)


def _severity(given: Reply) -> Reply:
    """The label and the number, whichever was said."""
    if given.get("Label"):
        return {**given, "Normalized": given.get("Normalized", LABELS[given["Label"]])}
    number = given.get("Normalized") or 0
    label = max((name for name, least in LABELS.items() if least <= number), key=lambda name: LABELS[name])
    return {**given, "Label": label, "Normalized": number}


def _passes(row: Reply, name: str, filters: list[Reply]) -> bool:
    """Any of the wanted values, none of the unwanted ones."""
    if name in DATES:
        return any(_in_period(row.get(name, ""), one) for one in filters)
    if name not in TEXTS and name not in MAPS:
        raise Fault("InvalidInputException", f"The filter {name} is not simulated.")
    wanted = [one for one in filters if one["Comparison"] not in NEGATIONS]
    unwanted = [one for one in filters if one["Comparison"] in NEGATIONS]
    fits = [_fits(row, name, one, one["Comparison"]) for one in wanted]
    return (any(fits) or not wanted) and not any(
        _fits(row, name, one, NEGATIONS[one["Comparison"]]) for one in unwanted
    )


def _fits(row: Reply, name: str, one: Reply, comparison: str) -> bool:
    values = _under(MAPS[name](row), one["Key"]) if name in MAPS else TEXTS[name](row)
    return any(COMPARE[comparison](value, one["Value"]) for value in values)


def _under(held: list[dict[str, str]], key: str) -> list[str]:
    return [fields[key] for fields in held if key in fields]


def _in_period(text: str, one: Reply) -> bool:
    if "DateRange" in one:
        raise Fault("InvalidInputException", "Give Start and End; a DateRange is not simulated.")
    return bool(text) and moment(one["Start"]) <= moment(text) <= moment(one["End"])
