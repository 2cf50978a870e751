"""What docs/api.md and the OpenAPI document say of items is what ``items`` checks."""

from pathlib import Path

from patching.api.item_schema import EXAMPLE_WINDOW, add_components, spec_name, tables
from patching.items import FIELDS, TASK_FIELDS, check_items

DOCS = Path(__file__).resolve().parents[3] / "docs" / "api.md"


def test_the_document_lists_every_spec_field():
    told = DOCS.read_text().split("compares -->")[1].split("<!-- end -->")[0].strip()
    assert told == tables(), "Put what patching.api.item_schema.tables() gives between the two comments."


def test_every_kind_has_a_schema_with_exactly_its_fields():
    schemas = add_components({"components": {"schemas": {}}}, None, None, public=True)["components"][
        "schemas"
    ]
    for kind, fields in [*FIELDS.items(), ("task", TASK_FIELDS)]:
        schema = schemas["Task" if kind == "task" else spec_name(kind)]
        assert list(schema["properties"]) == [field.name for field in fields]
        assert schema["required"] == [field.name for field in fields if field.required]


def test_numbers_lists_and_objects_are_told_apart():
    schemas = add_components({"components": {"schemas": {}}}, None, None, public=True)["components"][
        "schemas"
    ]
    window = schemas["WindowSpec"]["properties"]
    types = {
        name: window[name].get("type")
        for name in ("duration", "cutoff", "offset", "instances", "tasks", "name")
    }
    assert types == {
        "duration": "integer",
        "cutoff": "integer",
        "offset": "integer",
        "instances": "array",
        "tasks": "array",
        "name": "string",
    }
    assert schemas["Task"]["properties"]["parameters"]["type"] == "object"
    assert schemas["Task"]["properties"]["priority"]["type"] == "integer"


def test_the_example_is_one_that_would_be_taken():
    assert check_items([EXAMPLE_WINDOW]) == []
