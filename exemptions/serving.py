"""The one way in which a document leaves: as an attachment that no browser opens as a page."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header

from exemptions import documents
from exemptions.models import Document
from portal.governance.models import User


def attachment(document: Document, *, by: User) -> HttpResponse:
    """Its bytes for saving, on page and API alike; the reading is audited. Raises as ``documents.read``."""
    answer = HttpResponse(documents.read(document, by=by), content_type="application/octet-stream")
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=document.name)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "private, no-store"
    # whoever opens it in place all the same gets neither scripts nor our origin
    answer._csp_replace = {"default-src": ["'none'"], "sandbox": []}  # type: ignore[attr-defined]
    return answer
