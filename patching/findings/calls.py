"""Documents that a window's tasks call and that nothing is known of, so that their parameters go unchecked. Pure."""

from collections.abc import Iterable, Iterator

from patching import documents
from patching.findings.planned import Planned
from patching.findings.telling import NOTE, Finding
from patching.words import counted, listed


def unknown_documents(windows: Iterable[Planned]) -> Iterator[Finding]:
    for window in windows:
        named = dict.fromkeys(task["document"] for task in window.spec["tasks"])
        own = [name for name in named if documents.document_of(name) is None]
        if window.asked and own:
            yield Finding(
                NOTE,
                f"{window.name} calls {counted(len(own), 'document')} that nothing is known of here",
                f"{listed(own[:3])}: whether it exists and takes these parameters shows only when the window runs.",
                "Look at it in the account before you approve.",
                code="unknown_documents",
                about=window.name,
            )
