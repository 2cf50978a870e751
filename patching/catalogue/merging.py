"""What several sources say of one patch, made one: the source that knows best speaks for each fact. Pure."""

from collections.abc import Mapping
from typing import Any

# AWS judges by its own words, so they come first; then the vendor's files; what instances report is the least exact
ORDER = ("aws", "msrc", "alas", "updateinfo", "csaf", "oval", "almalinux", "reported")
SINGLE = (
    "title",
    "classification",
    "severity",
    "released_at",
    "product_family",
    "patch_set",
    "repository",
    "priority",
)
MANY = ("products", "advisories", "cves", "supersedes")

Facts = Mapping[str, Any]  # what one source says, as JSON: dates as ISO texts, lists sorted


def merged(said: Mapping[str, Facts]) -> dict[str, Any]:
    """Each fact from the first source that has it; lists are what all of them name."""
    known = [said[kind] for kind in ORDER if kind in said]
    single = {field: next((one[field] for one in known if one.get(field)), "") for field in SINGLE}
    many = {field: sorted({value for one in known for value in one.get(field, ())}) for field in MANY}
    return {**single, **many}


def origin(said: Mapping[str, Facts], field: str) -> list[str]:
    """The sources of a fact: of a list all that add to it, else the one that speaks."""
    kinds = [kind for kind in ORDER if kind in said and said[kind].get(field)]
    return kinds if field in MANY else kinds[:1]
