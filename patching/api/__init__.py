"""The REST doors of the flow: nouns are read, verbs are POSTs."""
