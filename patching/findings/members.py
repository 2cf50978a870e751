"""Instances that a window names and that no group judges, or whose agent is silent."""

from collections.abc import Iterator, Sequence

from patching.around import Around
from patching.findings.telling import NOTE, WARNING, Finding
from patching.items import is_new
from patching.words import counted, listed


def about_instances(around: Around) -> Iterator[Finding]:
    """Instances that a window names and that no group judges, or whose agent is silent."""
    items, known = around.items, around.instances
    wanted = [one["spec"] for one in items if one["kind"] == "window" and one["action"] != "delete"]
    touched = {one["target"] for one in items if one["kind"] == "patch-group" and not is_new(one)}
    groups = [one["spec"] for one in items if one["kind"] == "patch-group"]
    groups += [group.spec for group in around.groups if group.pk not in touched]
    grouped = {instance for spec in groups for instance in spec.get("instances", ())}
    for spec in wanted:
        size = counted(len(spec["instances"]), "instance")
        alone = sorted(str(known.get(one, one)) for one in spec["instances"] if one not in grouped)
        if alone:
            yield Finding(
                WARNING,
                f"{len(alone)} of {size} of {spec['name']} {'is' if len(alone) == 1 else 'are'} in no patch group",
                f"{_some(alone)}: AWS's default baseline for the operating system would judge them silently.",
                "Ask for a patch group with them in it.",
            )
        silent = sorted(
            str(known[one]) for one in spec["instances"] if one in known and not known[one].is_online
        )
        if silent:
            yield Finding(
                NOTE,
                f"{len(silent)} of {size} of {spec['name']} cannot be reached now",
                f"{_some(silent)}: the SSM agent does not answer, so a run leaves them out.",
            )


def _some(names: Sequence[str]) -> str:
    return listed([*names[:3], f"{len(names) - 3} more"] if len(names) > 3 else names)
