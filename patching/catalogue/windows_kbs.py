"""KB rows, one JSON object a line: the MSRC catalogue flattened by KB and product.

Fields: KbNumber, Product, ReleaseDate, MsrcSeverity, CVEIds, Supersedes. MSRC names security updates only, so the
classification is SecurityUpdates.
"""

import re

from patching.catalogue.fields import cves_of, lines_of, moment, text, texts
from patching.catalogue.records import BadFile, Document, PatchRecord

KIND = "msrc"
KB = re.compile(r"KB[0-9]{5,8}")


def read(content: bytes) -> Document:
    """The rows of a file. A row whose KB number is empty ("KB") is passed over."""
    patches, passed_over = [], []
    for where, row in lines_of(content):
        name = text(row, "KbNumber", where, required=True).upper()
        if name == "KB":
            passed_over.append(f"{where}: no KB number for {text(row, 'Product', where)}")
            continue
        if not KB.fullmatch(name):
            raise BadFile(where, "KbNumber", f"“{name}” is no KB number such as KB5039217.")
        patches.append(
            PatchRecord(
                system="WINDOWS",
                name=name,
                title=f"Security update {name}",
                classification="SecurityUpdates",
                severity=text(row, "MsrcSeverity", where),
                released_at=moment(row, "ReleaseDate", where, required=True),
                products=(text(row, "Product", where, required=True),),
                cves=cves_of(texts(row, "CVEIds", where)),
                supersedes=tuple(one for one in texts(row, "Supersedes", where) if KB.fullmatch(one)),
                product_family="Windows",
            )
        )
    return Document(kind=KIND, patches=patches, passed_over=passed_over)
