"""Every field that AWS itself writes or takes is one that is known here: none is called misspelt or strange."""

import botocore.session
import pytest

from patching.exchange import shapes
from patching.exchange.parts import Setup
from patching.exchange.taking import Taking

OPERATIONS = {
    "BASELINE": ("CreatePatchBaseline", "GetPatchBaseline", "UpdatePatchBaseline"),
    "WINDOW": ("CreateMaintenanceWindow", "GetMaintenanceWindow", "UpdateMaintenanceWindow"),
    "TASK": ("RegisterTaskWithMaintenanceWindow", "GetMaintenanceWindowTask", "UpdateMaintenanceWindowTask"),
}


@pytest.mark.parametrize("kind", OPERATIONS)
def test_what_aws_says_is_known(kind):
    model = botocore.session.get_session().get_service_model("ssm")
    names = {
        name
        for operation in OPERATIONS[kind]
        for shape in (
            model.operation_model(operation).input_shape,
            model.operation_model(operation).output_shape,
        )
        for name in shape.members
    } - {"Replace"}  # of updates alone, which no file holds
    taking = Taking(Setup())
    known, beside = getattr(shapes, f"{kind}_FIELDS"), getattr(shapes, f"{kind}_BESIDE")
    assert taking.knows("here", sorted(names), known, beside)
    assert taking.setup.notes == []
    assert set(known) <= names
