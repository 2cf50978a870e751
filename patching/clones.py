"""A side group and its baseline: the parent's, less the patches that an exemption leaves off. Pure.

AWS has no exemption of one patch for one node. A node gets the group tag of a side group instead, whose baseline
rejects the patches with BLOCK and follows its parent in everything else.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from patching import baseline_rules
from patching.specs import canonical_definition
from portal.governance.canonical import digest_of

LONGEST_PARENT = 150  # of the parent's name in a side group's
WITHOUT = "-without-"
MOST_REJECTED = 50  # per baseline: service quota "Patches in the rejected patches list"


def side_group(group: str, patches: Iterable[str]) -> str:
    """The name of the group for nodes of ``group`` that go without these patches. At most 167 characters."""
    return f"{group[:LONGEST_PARENT]}{_suffix(group, patches)}"


def clone_name(baseline: str, patches: Iterable[str]) -> str:
    """The name of the baseline without these patches. At most 128 characters, as AWS takes them."""
    return f"{baseline[:110]}{_suffix(baseline, patches)}"


def clone(definition: Mapping[str, Any], patches: Iterable[str]) -> dict[str, Any]:
    """A CreatePatchBaseline request without its Name: the parent's, with these patches blocked as well.

    RejectedPatchesAction holds for the whole list, so what the parent merely allows as a dependency is blocked too.
    """
    left_off = {one.lower(): one for one in patches}
    rejected = {one.lower(): one for one in definition.get("RejectedPatches") or ()} | left_off
    approved = [one for one in definition.get("ApprovedPatches") or () if one.lower() not in left_off]
    kept = {name: value for name, value in definition.items() if name != "ApprovedPatches"}
    return {
        **kept,
        **({"ApprovedPatches": approved} if approved else {}),
        "RejectedPatches": sorted(rejected.values()),
        "RejectedPatchesAction": "BLOCK",
    }


def clone_definition(definition: Mapping[str, Any], patches: Iterable[str]) -> str:
    """The same as canonical JSON, as a BaselineSpec holds it."""
    return canonical_definition(clone(definition, patches))


def problems(definition: Mapping[str, Any], patches: Iterable[str]) -> list[tuple[str, str]]:
    """Why AWS would not take such a clone: a code and a sentence each."""
    patches = list(patches)
    request = {**clone(definition, patches), "Name": "clone"}
    listed, mine = request["RejectedPatches"], {one.lower() for one in patches}
    if len(listed) > MOST_REJECTED:
        own = len(listed) - len(mine)
        return [
            (
                "too_many",
                f"The baseline rejects {own} patches already; with these it would be {len(listed)}, "
                f"and AWS takes {MOST_REJECTED}. Name fewer, or defer the instances.",
            )
        ]
    return [
        (problem.code, problem.message)
        for problem in baseline_rules.check(request).errors
        if problem.field.startswith("RejectedPatches[")
        and listed[int(problem.field.removeprefix("RejectedPatches[").rstrip("]"))].lower() in mine
    ]


def _suffix(name: str, patches: Iterable[str]) -> str:
    return f"{WITHOUT}{digest_of([name, sorted({one.lower() for one in patches})])[:8]}"
