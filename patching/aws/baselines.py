"""Patch baselines: marked by tags, changed in place."""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.aws import marks
from patching.aws.adapter import Adapter
from patching.aws.errors import AwsChanged
from patching.aws.marks import Call, Ids, Mark, Names, Observed, observed
from patching.specs import BaselineSpec, canonical_definition

NOT_CONTENT = {"BaselineId", "PatchGroups", "CreatedDate", "ModifiedDate", "ResponseMetadata"}


class Baselines(Adapter[BaselineSpec]):
    kind = "baseline"
    permissions = (
        "ssm:AddTagsToResource",
        "ssm:CreatePatchBaseline",
        "ssm:DeletePatchBaseline",
        "ssm:DescribePatchBaselines",
        "ssm:GetPatchBaseline",
        "ssm:ListTagsForResource",
        "ssm:UpdatePatchBaseline",
    )

    def read(self, names: Names) -> Iterator[Observed]:
        own = [{"Key": "OWNER", "Values": ["Self"]}]
        for row in self.pages("ssm", "describe_patch_baselines", "BaselineIdentities", Filters=own):
            known = names.believed(row["BaselineId"])
            if (
                known is not None
                and isinstance(known.spec, BaselineSpec)
                and known.spec.name != row["BaselineName"]
            ):
                known = None
            found = known or self._look_at(row["BaselineId"], names)
            if found is not None:
                if not found.foreign:
                    names.learn(found.aws_id, found.key)
                yield found

    def _look_at(self, baseline_id: str, names: Names) -> Observed | None:
        try:
            tags = self.ask(
                "ssm", "list_tags_for_resource", ResourceType="PatchBaseline", ResourceId=baseline_id
            )["TagList"]
            mark = marks.from_tags(tags, self.installation)
            key = names.key(self.kind, mark.uid) if mark else names.once_ours(self.kind, baseline_id)
            if key is None:
                return None
            spec = from_aws(self.ask("ssm", "get_patch_baseline", BaselineId=baseline_id))
        except AwsChanged:  # deleted since it was listed
            return None
        return observed(key, baseline_id, spec, mark)

    def create(self, spec: BaselineSpec, mark: Mark, token: str, ids: Ids) -> Call:
        request = {**to_aws(spec), "ClientToken": token, "Tags": mark.tags()}
        return Call("ssm", "CreatePatchBaseline", request)

    def update(self, spec: BaselineSpec, seen: Observed, ids: Ids) -> Call:
        content = to_aws(spec)
        del content["OperatingSystem"]  # fixed when it was created
        return Call("ssm", "UpdatePatchBaseline", {"BaselineId": seen.aws_id, **content, "Replace": True})

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        return Call("ssm", "DeletePatchBaseline", {"BaselineId": seen.aws_id})

    def adopt(self, aws_id: str, mark: Mark) -> Call:
        request = {"ResourceType": "PatchBaseline", "ResourceId": aws_id, "Tags": mark.tags()}
        return Call("ssm", "AddTagsToResource", request)

    def made_id(self, spec: BaselineSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return str(reply["BaselineId"])


def to_aws(spec: BaselineSpec) -> dict[str, Any]:
    return spec.request


def from_aws(reply: Mapping[str, Any]) -> BaselineSpec:
    content = {field: value for field, value in reply.items() if field not in NOT_CONTENT}
    return BaselineSpec(name=reply["Name"], definition=canonical_definition(content))
