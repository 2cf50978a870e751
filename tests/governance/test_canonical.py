"""Equal content has equal text and an equal digest."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.governance.canonical import canonical_json, digest_of

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_what_is_written_is_read_back(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value):
    assert digest_of(value) == digest_of(dict(reversed(value.items())))


def test_what_json_has_no_word_for_is_refused():
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(float("nan"))
