"""What vendors and authorities say of patches and CVEs, read from their files. No database, no AWS.

One module for each format; each gives a `Document` or raises `BadFile`, which names the line and the field.
"""

from patching.catalogue.formats import FORMATS, MOST_BYTES, read
from patching.catalogue.merging import Facts, merged
from patching.catalogue.products import product_of, systems_of
from patching.catalogue.records import BadFile, CveRecord, Document, PatchRecord

__all__ = [
    "FORMATS",
    "MOST_BYTES",
    "BadFile",
    "CveRecord",
    "Document",
    "Facts",
    "PatchRecord",
    "merged",
    "product_of",
    "read",
    "systems_of",
]
