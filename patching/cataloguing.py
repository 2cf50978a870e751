"""Write what a source says of patches and CVEs into the catalogue: all of it or nothing, and twice is as once."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import transaction

from patching import catalogue
from patching.catalogue import BadFile, CveRecord, Document, PatchRecord, merged
from patching.catalogue.merging import MANY, SINGLE
from patching.models import Advisory, CatalogueSource, Cve, Patch, PatchFact, PatchFinding
from portal.governance import audit, clock, roles
from portal.governance.errors import FieldProblem, InvalidInput, NotAllowed
from portal.governance.models import Role, User

CHUNK = 400
COLUMNS = (*SINGLE, "products", "supersedes")
LONGEST_NAME = 200
T = TypeVar("T")


def may_import(user: User) -> bool:
    return roles.has_role(user, Role.SECURITY_OPERATIONS)


def import_file(content: bytes, *, name: str, format_name: str, by: User | None) -> CatalogueSource:
    """Read a vendor's or an authority's file into the catalogue. ``by`` is None for whoever has the command line.

    Raises NotAllowed, and InvalidInput that names the line and the field; nothing is kept then.
    """
    if by is not None and not may_import(by):
        raise NotAllowed("Security operations read files into the catalogue.")
    try:
        document = catalogue.read(content, format_name)
    except BadFile as problem:
        field = "format" if problem.field == "format" and not problem.where else "file"
        raise InvalidInput([FieldProblem(field, "unreadable", str(problem))]) from None
    digest = hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        audit.take_turn()
        source = keep(document, name=name[:LONGEST_NAME] or format_name, digest=digest, by=by)
        detail = {
            "file": source.name,
            "format": format_name,
            "sha256": digest,
            "added": source.added,
            "changed": source.changed,
        }
        audit.record("catalogue.imported", source, by=by, detail=detail)
    return source


@transaction.atomic
def keep(document: Document, *, name: str, digest: str = "", by: User | None = None) -> CatalogueSource:
    """Keep a document's facts. What it says of EPSS is kept for CVEs that the catalogue or an instance names."""
    now = clock.now()
    source = CatalogueSource.objects.create(
        kind=document.kind,
        name=name,
        digest=digest,
        as_of=document.as_of,
        read_at=now,
        read_by=by,
        passed_over=list(document.passed_over)[:100],
    )
    records = _by_patch(document.patches)
    _ensure_cves(sorted({cve for facts in records.values() for cve in facts["cves"]}), now)
    for chunk in _chunks(records.items()):
        _keep_patches(dict(chunk), source)
    _keep_cves(document.cves, source)
    source.patches = len(records)
    source.save(update_fields=["patches", "cves", "added", "changed"])
    return source


# Patches

Key = tuple[str, str]  # operating system and ref


def _by_patch(patches: Iterable[PatchRecord]) -> dict[Key, dict[str, Any]]:
    """Facts by patch; what one document says of it more than once, such as per product, is one."""
    found: dict[Key, dict[str, Any]] = {}
    for record in patches:
        facts = _facts_of(record)
        known = found.get((record.system, record.ref))
        if known is not None:
            facts |= {field: sorted({*known[field], *facts[field]}) for field in MANY}
            facts |= {field: known[field] or facts[field] for field in SINGLE}
        found[record.system, record.ref] = facts
    return found


def _facts_of(record: PatchRecord) -> dict[str, Any]:
    facts: dict[str, Any] = {field: getattr(record, field) for field in SINGLE}
    facts["released_at"] = record.released_at.isoformat() if record.released_at else ""
    facts |= {field: sorted(set(getattr(record, field))) for field in MANY}
    return {**facts, "name": record.name, "build": record.build}


def _keep_patches(records: Mapping[Key, dict[str, Any]], source: CatalogueSource) -> None:
    rows = _rows_of(records, source)
    facts = list(PatchFact.objects.filter(patch__in=rows.values()))
    known = {(one.patch_id, one.kind): one for one in facts}
    fresh, moved = [], []
    for key, said in records.items():
        told = known.get((rows[key].pk, source.kind))
        if told is None:
            told = PatchFact(patch=rows[key], kind=source.kind, facts=said, source=source)
            known[rows[key].pk, source.kind] = told
            fresh.append(told)
        elif told.facts != said:
            told.facts, told.source = _grown(told.facts, said, source), source
            moved.append(told)
    PatchFact.objects.bulk_create(fresh)
    PatchFact.objects.bulk_update(moved, ["facts", "source"], batch_size=100)
    touched = {one.patch_id for one in [*fresh, *moved]}
    source.changed += len(moved)
    said_of: dict[int, dict[str, Any]] = {}
    for (pk, kind), fact in known.items():
        said_of.setdefault(pk, {})[kind] = fact.facts
    _merge([row for row in rows.values() if row.pk in touched], said_of)


def _grown(before: Mapping[str, Any], said: dict[str, Any], source: CatalogueSource) -> dict[str, Any]:
    """AWS answers by product and instances by instance, so their lists grow; a file says all it has to say."""
    if source.kind not in (CatalogueSource.Kind.AWS, CatalogueSource.Kind.REPORTED):
        return said
    return said | {field: sorted({*before.get(field, ()), *said[field]}) for field in MANY}


def _rows_of(records: Mapping[Key, dict[str, Any]], source: CatalogueSource) -> dict[Key, Patch]:
    def found() -> dict[Key, Patch]:
        rows = Patch.objects.filter(ref__in={ref for _, ref in records})
        return {(one.operating_system, one.ref): one for one in rows}

    here = found()
    missing = [
        Patch(
            operating_system=system,
            ref=ref,
            name=said["name"],
            build=said["build"],
            first_known_at=source.read_at,
        )
        for (system, ref), said in records.items()
        if (system, ref) not in here
    ]
    Patch.objects.bulk_create(missing, ignore_conflicts=True)
    source.added += len(missing)
    rows = found() if missing else here
    return {key: rows[key] for key in records}


def _merge(patches: Sequence[Patch], said_of: Mapping[int, Mapping[str, Any]]) -> None:
    """Let the best source speak for each fact, and link each patch with its advisories and their CVEs."""
    links: dict[int, tuple[list[str], list[str]]] = {}
    for patch in patches:
        facts = merged(said_of[patch.pk])
        for field in COLUMNS:
            setattr(patch, field, facts[field])
        patch.released_at = datetime.fromisoformat(facts["released_at"]) if facts["released_at"] else None
        patch.patch_set = patch.patch_set or "OS"
        links[patch.pk] = (facts["advisories"] or [patch.ref], facts["cves"])
    Patch.objects.bulk_update(patches, COLUMNS, batch_size=50)
    _link(links)


def _link(links: Mapping[int, tuple[list[str], list[str]]]) -> None:
    refs = {ref for advisories, _ in links.values() for ref in advisories}
    Advisory.objects.bulk_create([Advisory(ref=ref) for ref in sorted(refs)], ignore_conflicts=True)
    ids = dict(Advisory.objects.filter(ref__in=refs).values_list("ref", "pk"))
    of_patches: Any = Patch.advisories.through
    of_patches.objects.bulk_create(
        [
            of_patches(patch_id=patch, advisory_id=ids[ref])
            for patch, (advisories, _) in links.items()
            for ref in advisories
        ],
        ignore_conflicts=True,
    )
    wanted = {(ids[ref], cve) for advisories, cves in links.values() for ref in advisories for cve in cves}
    numbers: dict[str, int] = {}
    for chunk in _chunks(sorted({cve for _, cve in wanted})):
        numbers.update(Cve.objects.filter(cve__in=chunk).values_list("cve", "pk"))
    of_advisories: Any = Advisory.cves.through
    rows = [of_advisories(advisory_id=advisory, cve_id=numbers[cve]) for advisory, cve in sorted(wanted)]
    of_advisories.objects.bulk_create(rows, ignore_conflicts=True, batch_size=CHUNK)


# CVEs


def _ensure_cves(names: Sequence[str], now: datetime) -> None:
    for chunk in _chunks(names):
        rows = [Cve(cve=name, first_known_at=now) for name in chunk]
        Cve.objects.bulk_create(rows, ignore_conflicts=True)


def _keep_cves(records: Sequence[CveRecord], source: CatalogueSource) -> None:
    scores = source.kind == CatalogueSource.Kind.EPSS
    if scores:
        concerns_us = _named_by_instances() | set(Cve.objects.values_list("cve", flat=True))
        records = [one for one in records if one.cve in concerns_us]
    _ensure_cves([one.cve for one in records], source.read_at)
    fields = ("epss", "percentile") if scores else ("title", "exploited_on", "due_on", "ransomware", "action")
    told_by = "epss_told_by" if scores else "exploited_told_by"
    for chunk in _chunks(records):
        rows = {one.cve: one for one in Cve.objects.filter(cve__in=[each.cve for each in chunk])}
        moved = []
        for record in chunk:
            row = rows[record.cve]
            if any(getattr(row, field) != getattr(record, field) for field in fields):
                for field in fields:
                    setattr(row, field, getattr(record, field))
                setattr(row, told_by, source)
                moved.append(row)
        Cve.objects.bulk_update(moved, [*fields, told_by], batch_size=50)
        source.changed += len(moved)
    source.cves = len(records)


def _named_by_instances() -> set[str]:
    return {cve for cves in PatchFinding.objects.values_list("cves", flat=True).distinct() for cve in cves}


def _chunks(items: Iterable[T]) -> Iterator[list[T]]:
    remaining = iter(items)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk
