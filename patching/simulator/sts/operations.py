"""AssumeRole with its external id really checked, and GetCallerIdentity for what came of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from patching.simulator.aim import role_is_denied
from patching.simulator.corner import Corner
from patching.simulator.errors import Fault
from patching.simulator.state import iso, moment

Reply = dict[str, Any]

HUB = "111111111111"
HUB_USER = f"arn:aws:iam::{HUB}:user/patchwarden"


class Sts(Corner):
    def assume_role(self, request: Reply) -> Reply:
        role_arn = request["RoleArn"]
        account = self._account_that_lets_in(role_arn, request.get("ExternalId"))
        session = request["RoleSessionName"]
        key = f"ASIA{self.world.new_hex(16).upper()}"
        role_id = f"AROA{account}{self.world.new_hex(5).upper()}"
        # Credentials live in real time: botocore refreshes them by the clock of its host.
        expires = datetime.now(UTC) + timedelta(seconds=request.get("DurationSeconds") or 3600)
        arn = f"arn:aws:sts::{account}:assumed-role/{role_arn.rsplit('/', 1)[-1]}/{session}"
        self._forget_expired()
        self.world.sessions[key] = {
            "account": account,
            "arn": arn,
            "user_id": f"{role_id}:{session}",
            "expires": iso(expires),
        }
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": self.world.new_hex(40),
                "SessionToken": self.world.new_hex(64) * 4,
                "Expiration": expires,
            },
            "AssumedRoleUser": {"AssumedRoleId": f"{role_id}:{session}", "Arn": arn},
            "PackedPolicySize": 0,
        }

    def get_caller_identity(self, request: Reply) -> Reply:
        return {
            "UserId": self.caller["user_id"],
            "Account": self.caller["account"],
            "Arn": self.caller["arn"],
        }

    def _account_that_lets_in(self, role_arn: str, external_id: str | None) -> str:
        """The account of the role. AWS says the same for no such role and for a wrong external id."""
        for one in self.world.accounts.values():
            if (
                one.role
                and (role_arn, external_id)
                == (
                    f"arn:aws:iam::{one.account}:role/{one.role}",
                    one.external_id,
                )
                and not role_is_denied(self.world, one.account)
            ):
                return one.account
        raise Fault(
            "AccessDenied",
            f"User: {self.caller.get('arn', HUB_USER)} is not authorized to perform: sts:AssumeRole on resource: "
            f"{role_arn}",
        )

    def _forget_expired(self) -> None:
        # Kept for an hour, so that a late caller hears that it expired and not that it never was.
        an_hour_ago = iso(datetime.now(UTC) - timedelta(hours=1))
        for key in [key for key, one in self.world.sessions.items() if one["expires"] < an_hour_ago]:
            del self.world.sessions[key]


def caller_of(sessions: dict[str, dict[str, Any]], access_key: str) -> dict[str, Any]:
    """Who holds this access key: an assumed role, otherwise the hub account's user. Raises Fault."""
    session = sessions.get(access_key)
    if session is None:
        if access_key.startswith("ASIA"):
            raise Fault(
                "UnrecognizedClientException", "The security token included in the request is invalid."
            )
        return {"account": HUB, "arn": HUB_USER, "user_id": "AIDAPATCHWARDENHUB00"}
    if moment(session["expires"]) <= datetime.now(UTC):
        raise Fault("ExpiredTokenException", "The security token included in the request is expired")
    return session
