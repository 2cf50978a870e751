"""Tags on windows and baselines. What else SSM tags (parameters, documents) stays with moto."""

from typing import Any

from patching.simulator.corner import Corner, NotOursError
from patching.simulator.errors import Fault

Reply = dict[str, Any]

TAGS_PER_RESOURCE = 50


class Tags(Corner):
    def add_tags_to_resource(self, request: Reply) -> Reply:
        self.set_tags(request["ResourceType"], self._tagged(request), request["Tags"])
        return {}

    def remove_tags_from_resource(self, request: Reply) -> Reply:
        tags = self.state.tags.get(f"{request['ResourceType']}/{self._tagged(request)}", {})
        for key in request["TagKeys"]:
            tags.pop(key, None)
        return {}

    def list_tags_for_resource(self, request: Reply) -> Reply:
        tags = self.state.tags.get(f"{request['ResourceType']}/{self._tagged(request)}", {})
        return {"TagList": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def set_tags(self, kind: str, resource_id: str, tags: list[Reply] | None) -> None:
        changed = self.state.tags.get(f"{kind}/{resource_id}", {}) | {
            tag["Key"]: tag["Value"] for tag in tags or []
        }
        if len(changed) > TAGS_PER_RESOURCE:
            raise Fault("TooManyTagsError", f"A resource takes {TAGS_PER_RESOURCE} tags at most.")
        self.state.tags[f"{kind}/{resource_id}"] = changed

    def _tagged(self, request: Reply) -> str:
        kind, resource_id = request["ResourceType"], request["ResourceId"]
        if kind not in ("MaintenanceWindow", "PatchBaseline"):
            raise NotOursError
        known = self.state.windows if kind == "MaintenanceWindow" else self.state.baselines
        if resource_id not in known:
            raise Fault("InvalidResourceId", f"The {kind} {resource_id} is not valid.")
        return str(resource_id)
