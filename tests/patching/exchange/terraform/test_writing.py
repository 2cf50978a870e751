"""Whatever text a request may hold comes back from Terraform's language as it went in."""

from hypothesis import example, given
from hypothesis import strategies as st

from patching.exchange.parts import BaselinePart, Setup
from patching.exchange.terraform import read, write

text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\\${%{}\n\t'), min_size=1, max_size=40
)


@example(description="%{", patches=["${", '"%{', "\\${x}", "$${", "%%{if}"])
@given(description=text, patches=st.lists(text, max_size=3))
def test_text_survives_both_ways(description, patches):
    request = {"Name": "payments-prod", "Description": description, "OperatingSystem": "WINDOWS"}
    if patches:
        request["ApprovedPatches"] = patches
    told = write(Setup(baselines=[BaselinePart("payments-prod", request)]))
    assert [one.request for one in read(told, given={}).baselines] == [request]
