"""Documents that a window's tasks call and that nothing is known of, so that what they do goes unchecked. Pure."""

from collections.abc import Iterable, Iterator

from patching import documents
from patching.findings.planned import Planned
from patching.findings.telling import WARNING, Finding
from patching.words import counted, listed

NAMED = 3


def unknown_documents(windows: Iterable[Planned]) -> Iterator[Finding]:
    for window in windows:
        own: dict[str, list[str]] = {}
        for task in window.spec["tasks"]:
            if documents.document_of(task["document"]) is None:
                own.setdefault(task["document"], []).append(task["name"])
        if window.asked and own:
            called = [f"{name} by {listed(tasks)}" for name, tasks in own.items()]
            more = f" and {len(called) - NAMED} more" if len(called) > NAMED else ""
            yield Finding(
                WARNING,
                f"{window.name} calls {counted(len(own), 'document')} that nothing is known of here",
                f"{listed(called[:NAMED])}{more}. Not checked: whether it exists in the account, whether it is a "
                "command or an automation, whether it takes these parameters, and whether it restarts anything. "
                "That shows only when the window runs.",
                "Look at it in the account before you approve.",
                code="unknown_documents",
                about=window.name,
            )
