"""The same flow, shorter, ending in a Waiver: ask with documents, decide, enforce, end."""
