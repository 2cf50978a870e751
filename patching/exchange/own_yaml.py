"""Patchwarden's own YAML: the specs of requests, as ``docs/api.md`` lists their fields. Pure."""

from collections.abc import Mapping
from typing import Any

from patching.exchange import yaml_text
from patching.exchange.parts import CannotReadError, Refusal, Setup

VERSION = 1
SECTIONS = {"baselines": "baseline", "patch_groups": "patch-group", "windows": "window"}
EXAMPLE = "patchwarden: 1\nwindows:\n- name: payments-prod-a\n  schedule: cron(0 2 ? * TUE#2 *)\n"


def read(text: str, *, given: Mapping[str, str], account: str = "", region: str = "") -> Setup:
    """Specs of baselines, groups and windows. Raises CannotReadError with the line where it is no YAML."""
    found = yaml_text.load(text)
    if not isinstance(found, Mapping) or found.get("patchwarden") != VERSION:
        raise CannotReadError(
            f"Patchwarden's own files begin with “patchwarden: {VERSION}”, such as:\n{EXAMPLE}"
        )
    setup = Setup(account=_text(found.get("account")), region=_text(found.get("region")))
    for section in sorted(set(map(str, found)) - {"patchwarden", "account", "region", *SECTIONS}):
        setup.refused.append(Refusal(section, f"Not a section; known are {', '.join(SECTIONS)}."))
    for section, kind in SECTIONS.items():
        rows = found.get(section) or []
        for number, spec in enumerate(rows if isinstance(rows, list) else [rows]):
            where = f"{section}[{number}]"
            if isinstance(spec, Mapping):
                setup.specs.append((kind, where, {str(key): value for key, value in spec.items()}))
            else:
                setup.refused.append(Refusal(where, "Every entry is an object of fields and values."))
    return setup


def write(setup: Setup) -> str:
    """The same from a setup's specs."""
    document: dict[str, Any] = {"patchwarden": VERSION, "account": setup.account, "region": setup.region}
    for section, kind in SECTIONS.items():
        specs = [dict(spec) for one, _, spec in setup.specs if one == kind]
        if specs:
            document[section] = specs
    return yaml_text.written(document)


def _text(value: Any) -> str:
    return str(value) if isinstance(value, str | int) else ""
