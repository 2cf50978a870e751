"""Patches of the catalogue as the approval rules take them. Reads only."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from django.db.models import Count, Max

from patching import approval
from patching.baseline_effect import Prepared
from patching.catalogue import product_of
from patching.catalogue.products import covers
from patching.models import Advisory, CatalogueSource, ManagedInstance, Patch

KEPT = 3  # catalogues in one process, each of an operating system and its products in use
_ARCHITECTURES = ("x86_64", "aarch64", "noarch", "i386", "i686", "ppc64le", "s390x", "amd64", "arm64", "all")


def products_in_use(system: str) -> list[str]:
    """SSM's products of the instances that run this operating system."""
    rows = ManagedInstance.objects.present().filter(operating_system=system).order_by()
    told = set(rows.values_list("platform_name", "platform_version").distinct())
    return sorted({product for platform in told if (product := product_of(system, *platform))})


def prepared(system: str, products: Iterable[str] = ()) -> Prepared:
    """All patches of an operating system, once for each of these products, or of those in use, that they are for."""
    wanted = tuple(sorted(products)) or tuple(products_in_use(system))
    readings = CatalogueSource.objects.aggregate(last=Max("pk"), number=Count("pk"))
    return _prepared(system, wanted, (readings["last"], readings["number"]))


@lru_cache(maxsize=KEPT)
def _prepared(system: str, products: tuple[str, ...], as_of: tuple[int, int]) -> Prepared:
    """As the catalogue was after a reading; nothing but a reading changes it."""
    rows = list(Patch.objects.filter(operating_system=system))
    wanted = products or sorted({one for row in rows for one in row.products})
    advisories, cves = _linked(system)
    fitting: dict[tuple[str, ...], list[str]] = {}
    found = []
    for row in rows:
        meant = tuple(row.products)
        if meant not in fitting:
            fitting[meant] = [one for one in wanted if covers(meant, one)]
        for product in fitting[meant]:
            found.append(as_patch(row, product, advisories.get(row.pk, ()), cves.get(row.pk, ())))
    return Prepared(system, found)


def forget() -> None:
    """Drop what is kept, so that the next question asks the database."""
    _prepared.cache_clear()


def as_patch(
    row: Patch, product: str, advisories: Iterable[str] = (), cves: Iterable[str] = ()
) -> approval.Patch:
    """One patch on an instance of this product."""
    if row.operating_system == approval.WINDOWS:
        name, arch, epoch, version, release = row.title, "", "", "", ""
    else:
        name, _, arch = row.name.rpartition(".")
        if arch not in _ARCHITECTURES:
            name, arch = row.name, ""
        epoch, _, build = row.build.rpartition(":")
        version, _, release = build.partition("-")
    return approval.Patch(
        id=row.name,
        released=row.released_at,
        severity=row.severity,
        classification=row.classification,
        product=product,
        name=name,
        arch=arch,
        epoch=epoch,
        version=version,
        release=release,
        cves=frozenset(cves),
        advisories=frozenset(advisories),
        priority=row.priority,
        repository=row.repository,
        product_family=row.product_family,
        patch_set=row.patch_set,
    )


def _linked(system: str) -> tuple[Mapping[int, Sequence[str]], Mapping[int, Sequence[str]]]:
    """Advisories and CVEs by the primary key of a patch."""
    advisories: dict[int, list[str]] = {}
    cves: dict[int, list[str]] = {}
    rows = Advisory.objects.filter(patches__operating_system=system).order_by()
    for pk, ref in rows.values_list("patches", "ref").distinct():
        advisories.setdefault(pk, []).append(ref)
    for pk, cve in rows.exclude(cves=None).values_list("patches", "cves__cve").distinct():
        cves.setdefault(pk, []).append(cve)
    return advisories, cves
