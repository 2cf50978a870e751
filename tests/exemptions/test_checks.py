"""A register that could not be signed is refused when the portal starts."""

import pytest

from exemptions import checks
from tests.exemptions.test_register_key import PEM


@pytest.mark.parametrize(
    ("bucket", "key", "ids"),
    [
        ("", "", []),
        ("registers", PEM, []),
        ("registers", "", ["exemptions.E001"]),
        ("", "/nowhere/register.pem", ["exemptions.E001"]),
    ],
)
def test_a_bucket_needs_a_key_that_signs(settings, bucket, key, ids):
    settings.MIRROR_REGISTER_BUCKET, settings.REGISTER_SIGNING_KEY = bucket, key
    assert [message.id for message in checks.settings_fit(None)] == ids
