"""Documents that nothing is known of are named before anybody approves them."""

from patching import findings
from patching.findings import WARNING
from tests.planned import NOW, TEST, window

INSTALL = {"name": "Install", "kind": "install"}
CHECK = {"name": "Check", "kind": "post", "document": "payments-check"}


def claims(*tasks, asked=True):
    found = findings.check([TEST, window(asked=asked, tasks=list(tasks))], NOW)
    return [(one.level, one.claim) for one in found]


def test_a_document_of_ones_own_is_named():
    assert claims(INSTALL, CHECK) == [
        (WARNING, "payments-prod-a calls 1 document that nothing is known of here")
    ]


def test_what_could_not_be_checked_is_said_with_the_tasks_that_call_it():
    (found,) = findings.check([TEST, window(tasks=[INSTALL, CHECK])], NOW)
    assert found.evidence.startswith("payments-check by Check. Not checked: whether it exists in the account")


def test_documents_of_aws_and_windows_nobody_asks_for_are_not():
    assert claims(INSTALL, {"name": "Image", "kind": "pre", "document": "AWS-CreateImage"}) == []
    assert claims(INSTALL, CHECK, asked=False) == []
