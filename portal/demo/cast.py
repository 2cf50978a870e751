"""The cast of the demo: who they are on the sign-in page, and what their API tokens may do."""

from dataclasses import dataclass

from portal.governance.models import ApiToken

Scope = ApiToken.Scope
ASKS = (Scope.READ, Scope.REQUEST)
DECIDES = (*ASKS, Scope.DECIDE)
OPERATES = (*ASKS, Scope.OPERATE)


@dataclass(frozen=True)
class Member:
    """One of the cast: user name, full name, what they are, what they do here."""

    username: str
    name: str
    role: str
    about: str
    scopes: tuple[str, ...] = ASKS

    @property
    def initials(self) -> str:
        return "".join(part[0] for part in self.name.split())

    @property
    def email(self) -> str:
        return f"{self.username}@example.com"


CAST = (
    Member("rita", "Rita Braun", "Payments Platform", "Asks for patch groups, windows and exemptions"),
    Member("omar", "Omar Haddad", "Leads Payments Platform", "Decides on what his team asks for", DECIDES),
    Member("ines", "Ines Duarte", "Security operations", "Owns the baselines and decides", DECIDES),
    Member("ivan", "Ivan Petrov", "Security operations", "The second pair of eyes", DECIDES),
    Member("clara", "Clara Weiss", "CISO", "Decides on exemptions and production baselines", DECIDES),
    Member("dora", "Dora Lindqvist", "Delegate of the CISO", "Decides for Clara while she is away", DECIDES),
    Member("axel", "Axel Nowak", "Governance and audit", "Reads everything, writes nothing"),
    Member("opal", "Opal Mensah", "Operator", "Looks after accounts, pushes and retries", OPERATES),
    Member("adam", "Adam Keller", "Administrator", "Grants roles, decides nothing"),
    Member("noor", "Noor Rahman", "Leads Analytics", "Has another team and sees only its part", DECIDES),
)
BY_USERNAME = {member.username: member for member in CAST}
