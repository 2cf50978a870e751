"""Documents: those of AWS that patching needs. Documents of one's own stay with moto."""

import hashlib
import json
from typing import Any

from moto.ssm.models import ssm_backends

from patching.simulator.corner import Corner, NotOursError
from patching.simulator.document_texts import DOCUMENTS, Document, document_of
from patching.simulator.errors import Fault
from patching.simulator.state import START, iso

Reply = dict[str, Any]

VERSION = "1"
VERSIONS = (VERSION, "$DEFAULT", "$LATEST")
PLATFORMS = ["Windows", "Linux", "MacOS"]
MOST_OF_MOTO = 1000
IDENTITY: tuple[str, ...] = (
    "Name",
    "CreatedDate",
    "Owner",
    "PlatformTypes",
    "DocumentVersion",
    "DocumentType",
)
IDENTITY += ("SchemaVersion", "DocumentFormat", "Tags")


class Documents(Corner):
    def list_documents(self, request: Reply) -> Reply:
        """AWS's first, then those that somebody made here."""
        filters = [(one["Key"], one.get("Values") or []) for one in request.get("Filters") or []]
        filters += [(one["key"], [one["value"]]) for one in request.get("DocumentFilterList") or []]
        rows = [row for row in (*map(_identity, DOCUMENTS.values()), *self._own()) if _passes(row, filters)]
        page, token = self.paged(rows, request.get("MaxResults"), request.get("NextToken"))
        return {"DocumentIdentifiers": page, "NextToken": token}

    def describe_document(self, request: Reply) -> Reply:
        document = self._document(request)
        text = _text(document)
        parameters = [
            {
                "Name": name,
                "Type": "String",
                "Description": one.description,
                "DefaultValue": one.default,
            }
            for name, one in document.parameters.items()
        ]
        return {
            "Document": {
                **_identity(document),
                "Hash": hashlib.sha256(text.encode()).hexdigest(),
                "HashType": "Sha256",
                "Status": "Active",
                "Description": document.description,
                "Parameters": parameters,
                "LatestVersion": VERSION,
                "DefaultVersion": VERSION,
            }
        }

    def get_document(self, request: Reply) -> Reply:
        document = self._document(request)
        if request.get("DocumentFormat") not in (None, "JSON"):
            raise Fault("ValidationException", "AWS's documents are simulated in JSON only.")
        return {
            "Name": document.name,
            "CreatedDate": iso(START),
            "DocumentVersion": VERSION,
            "Status": "Active",
            "Content": _text(document),
            "DocumentType": document.kind,
            "DocumentFormat": "JSON",
        }

    def _document(self, request: Reply) -> Document:
        document = document_of(request["Name"])
        if document is None:
            raise NotOursError
        if request.get("DocumentVersion") not in (None, *VERSIONS):
            raise Fault("InvalidDocumentVersion", "The document version is not valid or does not exist.")
        return document

    def _own(self) -> list[Reply]:
        rows, _ = ssm_backends[self.account_id][self.region_name].list_documents(None, [], MOST_OF_MOTO)
        own = [{name: row[name] for name in IDENTITY if row.get(name) is not None} for row in rows]
        return [row | {"PlatformTypes": PLATFORMS} for row in own]  # moto does not read them from the text


def _identity(document: Document) -> Reply:
    return {
        "Name": document.name,
        "CreatedDate": iso(START),
        "Owner": document.owner,
        "PlatformTypes": PLATFORMS,
        "DocumentVersion": VERSION,
        "DocumentType": document.kind,
        "SchemaVersion": document.schema,
        "DocumentFormat": "JSON",
        "Tags": [],
    }


def _text(document: Document) -> str:
    return json.dumps(document.content(), indent=2)


def _passes(row: Reply, filters: list[tuple[str, list[str]]]) -> bool:
    return all(_fits(row, key, values) for key, values in filters)


def _fits(row: Reply, key: str, values: list[str]) -> bool:
    if key == "Name":
        return any(str(row["Name"]).startswith(value) for value in values)
    if key == "Owner":
        return row["Owner"] in values or (_is_own(row) and not {"Self", "Private"}.isdisjoint(values))
    if key == "DocumentType":
        return row["DocumentType"] in values
    if key == "PlatformTypes":
        return bool(set(values) & set(row["PlatformTypes"]))
    raise Fault("InvalidFilterKey", f"The specified key is not valid: {key}.")


def _is_own(row: Reply) -> bool:
    return row["Owner"] not in {one.owner for one in DOCUMENTS.values()}
