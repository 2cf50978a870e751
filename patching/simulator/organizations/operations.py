"""One organization: the hub is its management account, the others stand in one unit below the root."""

import hashlib
from typing import Any

from patching.simulator.corner import Corner
from patching.simulator.errors import Fault
from patching.simulator.state import START, Account, iso
from patching.simulator.sts.operations import HUB

Reply = dict[str, Any]

ORGANIZATION = "o-pw5a1d2c3e"
ROOT = "r-pw5a"
UNIT = "ou-pw5a-workload"
UNIT_NAME = "Workloads"
ARN = f"arn:aws:organizations::{HUB}"
PAGE = 20


class Organizations(Corner):
    def describe_organization(self, request: Reply) -> Reply:
        """The one call that every member account may make."""
        return {
            "Organization": {
                "Id": ORGANIZATION,
                "Arn": f"{ARN}:organization/{ORGANIZATION}",
                "FeatureSet": "ALL",
                "MasterAccountArn": _account_arn(HUB),
                "MasterAccountId": HUB,
                "MasterAccountEmail": _email(HUB),
                "AvailablePolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}],
            }
        }

    def list_roots(self, request: Reply) -> Reply:
        self._refuse_members("ListRoots")
        root = {"Id": ROOT, "Arn": f"{ARN}:root/{ORGANIZATION}/{ROOT}", "Name": "Root", "PolicyTypes": []}
        return self._page("Roots", [root], request)

    def list_accounts(self, request: Reply) -> Reply:
        self._refuse_members("ListAccounts")
        return self._page("Accounts", [_account(one) for one in self.world.accounts.values()], request)

    def describe_account(self, request: Reply) -> Reply:
        self._refuse_members("DescribeAccount")
        account = self.world.accounts.get(request["AccountId"])
        if account is None:
            raise Fault("AccountNotFoundException", "You specified an account that doesn't exist.")
        return {"Account": _account(account)}

    def list_parents(self, request: Reply) -> Reply:
        self._refuse_members("ListParents")
        child = request["ChildId"]
        if child != UNIT and child not in self.world.accounts:
            raise Fault("ChildNotFoundException", "You specified a child that doesn't exist.")
        parent = ROOT if child in (UNIT, HUB) else UNIT
        kind = "ROOT" if parent == ROOT else "ORGANIZATIONAL_UNIT"
        return self._page("Parents", [{"Id": parent, "Type": kind}], request)

    def list_organizational_units_for_parent(self, request: Reply) -> Reply:
        self._refuse_members("ListOrganizationalUnitsForParent")
        self._refuse_unknown_parent(request["ParentId"])
        units = [_unit()] if request["ParentId"] == ROOT else []
        return self._page("OrganizationalUnits", units, request)

    def describe_organizational_unit(self, request: Reply) -> Reply:
        self._refuse_members("DescribeOrganizationalUnit")
        if request["OrganizationalUnitId"] != UNIT:
            raise Fault("OrganizationalUnitNotFoundException", "You specified an OU that doesn't exist.")
        return {"OrganizationalUnit": _unit()}

    def list_accounts_for_parent(self, request: Reply) -> Reply:
        self._refuse_members("ListAccountsForParent")
        self._refuse_unknown_parent(request["ParentId"])
        rows = [
            _account(one)
            for one in self.world.accounts.values()
            if (one.account == HUB) == (request["ParentId"] == ROOT)
        ]
        return self._page("Accounts", rows, request)

    def _refuse_members(self, operation: str) -> None:
        if self.account_id != HUB:
            raise Fault(
                "AccessDeniedException",
                f"You don't have permissions to access this resource: organizations:{operation}",
            )

    def _refuse_unknown_parent(self, parent: str) -> None:
        if parent not in (ROOT, UNIT):
            raise Fault("ParentNotFoundException", "You specified parent that doesn't exist.")

    def _page(self, name: str, rows: list[Reply], request: Reply) -> Reply:
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"), default=PAGE)
        return {name: page, "NextToken": token}


def _account(account: Account) -> Reply:
    return {
        "Id": account.account,
        "Arn": _account_arn(account.account),
        "Email": _email(account.account),
        "Name": account.name,
        "Status": "ACTIVE",
        "State": "ACTIVE",
        "JoinedMethod": "INVITED" if account.account == HUB else "CREATED",
        "JoinedTimestamp": iso(START.replace(year=START.year - 3)),
    }


def _unit() -> Reply:
    return {"Id": UNIT, "Arn": f"{ARN}:ou/{ORGANIZATION}/{UNIT}", "Name": UNIT_NAME}


def _account_arn(account: str) -> str:
    return f"{ARN}:account/{ORGANIZATION}/{account}"


def _email(account: str) -> str:
    return f"aws-{hashlib.sha256(account.encode()).hexdigest()[:8]}@example.com"
