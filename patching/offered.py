"""Fill the catalogue from AWS: what it offers in each account-region once a day, and what instances report."""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from patching import cataloguing
from patching.approval import WINDOWS
from patching.aws.available import AvailablePatches
from patching.aws.errors import AwsError
from patching.catalogue import Document, PatchRecord, product_of
from patching.models import AccountRegion, CatalogueSource, ManagedInstance, Patch, PatchFinding
from patching.reaching import reach
from portal.governance import clock

Kind = CatalogueSource.Kind
logger = logging.getLogger(__name__)


def is_due(place: AccountRegion) -> bool:
    """Whether AWS was last asked longer ago than CATALOGUE_EVERY_SECONDS."""
    since = clock.now() - timedelta(seconds=settings.CATALOGUE_EVERY_SECONDS)
    return not CatalogueSource.objects.filter(kind=Kind.AWS, name=str(place), read_at__gt=since).exists()


def read(place: AccountRegion) -> CatalogueSource | None:
    """Ask AWS for the patches of what runs there. None where it did not answer: the next pull asks again."""
    products = products_in(place)
    try:
        patches = AvailablePatches(reach(place)).read(products) if products else []
    except AwsError as problem:
        logger.warning("Reading the catalogue of %s failed: %s", place, problem)
        return None
    return cataloguing.keep(Document(kind=Kind.AWS, as_of=clock.now(), patches=patches), name=str(place))


def products_in(place: AccountRegion) -> dict[str, str]:
    """SSM's products of the managed instances there, with the operating system of each."""
    rows = ManagedInstance.objects.present().filter(account_region=place, is_managed=True).order_by()
    told = rows.values_list("operating_system", "platform_name", "platform_version").distinct()
    found = {product_of(*platform): platform[0] for platform in told}
    return {product: system for product, system in found.items() if product}


def keep_reported(place: AccountRegion) -> CatalogueSource | None:
    """Add what instances lack and the catalogue does not know, or not these CVEs of; None where that is nothing."""
    rows = PatchFinding.objects.open().filter(instance__account_region=place).select_related("instance")
    records: dict[tuple[str, str], PatchRecord] = {}
    for finding in rows.order_by("pk"):
        record = reported(finding)
        records[record.system, record.ref] = record
    known = _known({ref for _, ref in records})
    news = [
        one for key, one in records.items() if not set(one.cves) <= known.get(key, set()) or key not in known
    ]
    if not news:
        return None
    document = Document(kind=Kind.REPORTED, as_of=_newest(place), patches=news)
    return cataloguing.keep(document, name=str(place))


def reported(finding: PatchFinding) -> PatchRecord:
    """A finding as a record: on Linux its title names the build."""
    instance = finding.instance
    system = instance.operating_system
    linux = system != WINDOWS and finding.title.startswith(f"{finding.patch_id}:")
    product = product_of(system, instance.platform_name, instance.platform_version)
    return PatchRecord(
        system=system,
        name=finding.patch_id,
        build=finding.title.removeprefix(f"{finding.patch_id}:") if linux else "",
        title=finding.title,
        classification=finding.classification,
        severity=finding.severity,
        products=(product,) if product else (),
        cves=tuple(finding.cves),
    )


def _known(refs: set[str]) -> dict[tuple[str, str], set[str]]:
    """The CVEs that the catalogue links with each of these patches."""
    rows = Patch.objects.filter(ref__in=refs).prefetch_related("advisories__cves")
    return {
        (row.operating_system, row.ref): {cve.cve for one in row.advisories.all() for cve in one.cves.all()}
        for row in rows
    }


def _newest(place: AccountRegion) -> datetime:
    return place.last_pulled_at or clock.now()
