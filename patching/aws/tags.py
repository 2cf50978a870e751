"""The two configured tags of the instances that an approved spec names: nothing else on them, no other instance."""

from collections.abc import Iterator, Mapping
from typing import Any

from patching.aws.adapter import Adapter
from patching.aws.marks import Call, Ids, Mark, Names, Observed
from patching.specs import TagSpec

AT_ONCE = 100  # of the 200 filter values that one question may have


class Tags(Adapter[TagSpec]):
    kind = "tag"
    permissions = ("ec2:CreateTags", "ec2:DeleteTags", "ec2:DescribeTags")

    def read(self, names: Names) -> Iterator[Observed]:
        """Live values of the tags we want or once wrote; a tag that is not there is not yielded."""
        places = {
            (spec.instance_id, spec.tag_key): key
            for key, spec in names.of_kind(self.kind).items()
            if isinstance(spec, TagSpec)
        }
        instances = sorted({instance_id for instance_id, _ in places})
        tag_keys = sorted({tag_key for _, tag_key in places})
        for start in range(0, len(instances), AT_ONCE):
            asked = [
                {"Name": "resource-id", "Values": instances[start : start + AT_ONCE]},
                {"Name": "key", "Values": tag_keys},
            ]
            for row in self.pages("ec2", "describe_tags", "Tags", Filters=asked):
                key = places.get((row["ResourceId"], row["Key"]))
                if key is not None:
                    yield Observed(key, f"{row['ResourceId']}/{row['Key']}", from_aws(row))

    def create(self, spec: TagSpec, mark: Mark, token: str, ids: Ids) -> Call:
        return Call("ec2", "CreateTags", to_aws(spec))

    def update(self, spec: TagSpec, seen: Observed, ids: Ids) -> Call:
        return Call("ec2", "CreateTags", to_aws(spec))

    def delete(self, seen: Observed, earlier: str | None) -> Call:
        """Give the earlier value back; without one take the tag away, and only while it has the value we saw."""
        instance_id, _, tag_key = seen.aws_id.partition("/")
        value = seen.spec.value if isinstance(seen.spec, TagSpec) else ""
        tag = {"Key": tag_key, "Value": earlier if earlier is not None else value}
        operation = "DeleteTags" if earlier is None else "CreateTags"
        return Call("ec2", operation, {"Resources": [instance_id], "Tags": [tag]})

    def made_id(self, spec: TagSpec, call: Call, reply: Mapping[str, Any]) -> str:
        return f"{spec.instance_id}/{spec.tag_key}"


def to_aws(spec: TagSpec) -> dict[str, Any]:
    return {"Resources": [spec.instance_id], "Tags": [{"Key": spec.tag_key, "Value": spec.value}]}


def from_aws(row: Mapping[str, Any]) -> TagSpec:
    return TagSpec(instance_id=row["ResourceId"], tag_key=row["Key"], value=row.get("Value", ""))
