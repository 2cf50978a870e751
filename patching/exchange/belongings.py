"""What AWS has no field for, kept in a section of its own in every format: whose, where, which instances. Pure.

Shape: ``{"Account", "Region", "Baselines": {name: {…}}, "PatchGroups": {name: {…}}, "Windows": {name: {…}}}`` with
``Application``, ``Environment``, ``AvailabilityZone`` and ``Instances`` (a list of ids) for each name, and of a
window ``Tasks`` (a list of ``Name``, ``Kind``, ``Reboot``) where AWS's request leaves these open.
"""

from collections.abc import Mapping
from typing import Any

from patching.exchange.parts import Belonging, Setup

SECTION = "Patchwarden"
OF_TASKS = {"Kind": "kind", "Reboot": "reboot"}
KINDS = {"Baselines": "baseline", "PatchGroups": "patch-group", "Windows": "window"}


def read(section: Any, setup: Setup) -> None:
    """Put into the setup what the section says; what is malformed there is as if it were not said."""
    if not isinstance(section, Mapping):
        return
    setup.account, setup.region = _text(section, "Account"), _text(section, "Region")
    for title, kind in KINDS.items():
        named = section.get(title)
        for name, told in named.items() if isinstance(named, Mapping) else ():
            if isinstance(told, Mapping):
                setup.belongings[kind, str(name)] = _belonging(told)


def _belonging(told: Mapping[str, Any]) -> Belonging:
    instances = told.get("Instances")
    return Belonging(
        application=_text(told, "Application"),
        environment=_text(told, "Environment"),
        az=_text(told, "AvailabilityZone"),
        instances=tuple(map(str, instances)) if isinstance(instances, list) else None,
        tasks=_tasks(told.get("Tasks")),
    )


def _tasks(told: Any) -> dict[str, dict[str, str]]:
    return {
        _text(one, "Name"): {
            field: one[title] for title, field in OF_TASKS.items() if isinstance(one.get(title), str)
        }
        for one in (told if isinstance(told, list) else [])
        if isinstance(one, Mapping) and _text(one, "Name")
    }


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""


def section(setup: Setup) -> dict[str, Any]:
    """The same as ``read`` takes; nothing is said of what is not known."""
    told: dict[str, Any] = {"Account": setup.account, "Region": setup.region}
    for title, kind in KINDS.items():
        named = {name: _told(one) for (what, name), one in sorted(setup.belongings.items()) if what == kind}
        if named:
            told[title] = named
    return told


def _told(one: Belonging) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Application": one.application,
        "Environment": one.environment,
        "AvailabilityZone": one.az,
    }
    kept = {name: value for name, value in told.items() if value}
    if one.instances is not None:
        kept["Instances"] = list(one.instances)
    if one.tasks:
        kept["Tasks"] = [
            {"Name": name, **{title: fields[field] for title, field in OF_TASKS.items() if field in fields}}
            for name, fields in one.tasks.items()
        ]
    return kept
