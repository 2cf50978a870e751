"""A body that stops before its announced length is refused, however it is read."""

import io

import pytest

from portal.governance.whole_bodies import CutShort, WholeBody


def test_what_arrives_whole_is_read_in_any_pieces():
    body = WholeBody(io.BytesIO(b"one\ntwo\nthree and what is not ours"), 13)
    assert [body.readline(), body.read(2), body.read(), body.read(5)] == [b"one\n", b"tw", b"o\nthree", b""]


@pytest.mark.parametrize(
    "read", [lambda body: body.read(), lambda body: body.read(7), lambda body: body.readline()]
)
def test_an_early_end_is_no_end(read):
    with pytest.raises(CutShort, match="bytes of the body did not arrive"):
        read(WholeBody(io.BytesIO(b"short"), 10))
