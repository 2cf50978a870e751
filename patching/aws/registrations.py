"""Which baseline a patch group uses, per operating system. Ours if the baseline is; it has no mark of its own."""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.aws.adapter import Adapter
from patching.aws.marks import Call, Ids, Mark, Names, Observed, unknown
from patching.specs import Key, RegistrationSpec


class Registrations(Adapter[RegistrationSpec]):
    kind = "registration"
    permissions = (
        "ssm:DeregisterPatchBaselineForPatchGroup",
        "ssm:DescribePatchGroups",
        "ssm:RegisterPatchBaselineForPatchGroup",
    )

    def read(self, names: Names) -> Iterator[Observed]:
        places = {
            (spec.patch_group, spec.operating_system): key
            for key, spec in names.of_kind(self.kind).items()
            if isinstance(spec, RegistrationSpec)
        }
        ours = set(names.ids("baseline"))
        for row in self.pages("ssm", "describe_patch_groups", "Mappings"):
            spec, baseline_id = from_aws(row, names), row["BaselineIdentity"]["BaselineId"]
            place = (spec.patch_group, spec.operating_system)
            if place in places or baseline_id in ours:
                key = places.get(place) or unknown(self.kind, " ".join(place))
                yield Observed(key, baseline_id, spec, foreign=baseline_id not in ours)

    def create(self, spec: RegistrationSpec, mark: Mark, token: str, ids: Ids) -> Call:
        return Call("ssm", "RegisterPatchBaselineForPatchGroup", to_aws(spec, ids))

    def update(self, spec: RegistrationSpec, seen: Observed, ids: Ids) -> Call:
        """The first half of a swap: AWS wants the old baseline gone before it takes the new one."""
        return self.delete(seen, None)

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        group = seen.spec.patch_group if isinstance(seen.spec, RegistrationSpec) else ""
        return Call(
            "ssm",
            "DeregisterPatchBaselineForPatchGroup",
            {"BaselineId": seen.aws_id, "PatchGroup": group},
        )

    def made_id(self, spec: RegistrationSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return str(call.request["BaselineId"])


def to_aws(spec: RegistrationSpec, ids: Ids) -> dict[str, Any]:
    return {"BaselineId": ids[Key("baseline", spec.baseline)], "PatchGroup": spec.patch_group}


def from_aws(row: Mapping[str, Any], names: Names) -> RegistrationSpec:
    identity = row["BaselineIdentity"]
    return RegistrationSpec(
        patch_group=row["PatchGroup"],
        operating_system=identity["OperatingSystem"],
        baseline=names.of_id(identity["BaselineId"]),
    )
