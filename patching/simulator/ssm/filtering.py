"""How Systems Manager compares in its filters, in the two spellings it has for it."""

from collections.abc import Callable

COMPARE: dict[str, Callable[[str, str], bool]] = {
    "EQUAL": lambda has, wants: has == wants,
    "NOT_EQUAL": lambda has, wants: has != wants,
    "BEGIN_WITH": lambda has, wants: has.startswith(wants),
    "LESS_THAN": lambda has, wants: has < wants,
    "GREATER_THAN": lambda has, wants: has > wants,
}
COMPARE |= {name.title().replace("_", ""): compare for name, compare in COMPARE.items()}
