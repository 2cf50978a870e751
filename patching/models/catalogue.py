"""The catalogue: patches and CVEs known to the installation, who said what of each, and when."""

from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q

from portal.governance.models import User


class CatalogueSource(models.Model):
    """One reading of one source: AWS in an account-region, what instances reported, or a file."""

    class Kind(models.TextChoices):
        AWS = "aws", "AWS Systems Manager"
        MSRC = "msrc", "Microsoft (MSRC)"
        ALAS = "alas", "Amazon Linux (ALAS)"
        UPDATEINFO = "updateinfo", "Repository (updateinfo)"
        CSAF = "csaf", "Red Hat (CSAF)"
        OVAL = "oval", "Red Hat (OVAL)"
        ALMALINUX = "almalinux", "AlmaLinux"
        REPORTED = "reported", "Reported by instances"
        KEV = "kev", "CISA (known exploited)"
        EPSS = "epss", "FIRST (EPSS)"

    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=200)  # the file's name, or 211125483017/eu-central-1
    digest = models.CharField(max_length=64, blank=True)  # SHA-256 of the file
    as_of = models.DateTimeField(null=True)  # the date that the source gives itself
    read_at = models.DateTimeField()
    read_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+"
    )
    patches = models.PositiveIntegerField(default=0)
    cves = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    passed_over = models.JSONField(default=list)

    class Meta:
        ordering = ["-read_at", "-pk"]
        indexes = [models.Index(fields=["kind", "name"], name="catalogue_sources_by_name")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.name}"


class PublicQuerySet(models.QuerySet[Any]):
    """What vendors and authorities publish is for everybody who is signed in."""

    def visible_to(self, user: User) -> Self:
        return self.all() if user.is_authenticated and user.is_active else self.none()


class CveQuerySet(PublicQuerySet):
    def known_exploited(self) -> Self:
        return self.exclude(exploited_on=None)


class Cve(models.Model):
    """One CVE, with what CISA and EPSS say of it."""

    cve = models.CharField(max_length=30, unique=True)
    title = models.CharField(max_length=300, blank=True)
    exploited_on = models.DateField(null=True, db_index=True)  # when CISA listed it as known exploited
    due_on = models.DateField(null=True)
    ransomware = models.BooleanField(default=False)
    action = models.CharField(max_length=300, blank=True)
    epss = models.FloatField(null=True)  # probability of exploitation within 30 days, 0 to 1
    percentile = models.FloatField(null=True)
    first_known_at = models.DateTimeField()
    exploited_told_by = models.ForeignKey(
        CatalogueSource, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    epss_told_by = models.ForeignKey(CatalogueSource, null=True, on_delete=models.SET_NULL, related_name="+")

    objects = CveQuerySet.as_manager()

    class Meta:
        ordering = ["-cve"]

    def __str__(self) -> str:
        return self.cve

    @property
    def known_exploited(self) -> bool:
        return self.exploited_on is not None


class Advisory(models.Model):
    """What a vendor published: an advisory such as RHSA-2026:1234, on Windows the KB article itself."""

    ref = models.CharField(max_length=700, unique=True)
    cves = models.ManyToManyField(Cve, related_name="advisories")

    class Meta:
        ordering = ["ref"]

    def __str__(self) -> str:
        return self.ref


class PatchQuerySet(PublicQuerySet):
    def with_exploited(self) -> Self:
        """Each with ``is_exploited``: fixes a CVE that is known to be exploited."""
        listed = Advisory.objects.filter(patches=OuterRef("pk"), cves__exploited_on__isnull=False)
        return self.annotate(is_exploited=Exists(listed))

    def named(self, system: str, patch_id: str, title: str = "") -> Self:
        """What the catalogue knows of a patch as SSM reports it: this very build where it is known."""
        rows = self.filter(operating_system=system, name__in=spellings(patch_id))
        exact = rows.filter(ref=title) if title else rows.none()
        return exact if title and exact.exists() else rows


class Patch(models.Model):
    """A Windows KB, or on Linux one version of one package. The facts are those of the best source."""

    operating_system = models.CharField(max_length=30)
    ref = models.CharField(max_length=700)  # KB5039217, openssl.x86_64:1:3.5.5-3.el9_8
    name = models.CharField(max_length=300, db_index=True)  # as SSM reports it: KB5039217, openssl.x86_64
    build = models.CharField(max_length=300, blank=True)
    title = models.CharField(max_length=300, blank=True)
    classification = models.CharField(max_length=300, blank=True)
    severity = models.CharField(max_length=300, blank=True)
    released_at = models.DateTimeField(null=True, db_index=True)
    products = models.JSONField(default=list)
    product_family = models.CharField(max_length=300, blank=True)
    patch_set = models.CharField(max_length=300, default="OS")
    repository = models.CharField(max_length=300, blank=True)
    priority = models.CharField(max_length=300, blank=True)
    supersedes = models.JSONField(default=list)  # names
    advisories = models.ManyToManyField(Advisory, related_name="patches")
    first_known_at = models.DateTimeField()

    objects = PatchQuerySet.as_manager()

    class Meta:
        ordering = [models.F("released_at").desc(nulls_last=True), "ref"]
        verbose_name_plural = "patches"
        constraints = [
            models.UniqueConstraint(fields=["operating_system", "ref"], name="one_row_per_patch_and_system"),
            models.CheckConstraint(condition=~Q(ref="") & ~Q(name=""), name="a_patch_has_a_name"),
        ]

    def __str__(self) -> str:
        return self.ref


class PatchFact(models.Model):
    """What one source says of one patch, in its own words and as last read."""

    patch = models.ForeignKey(Patch, on_delete=models.CASCADE, related_name="facts")
    kind = models.CharField(max_length=12, choices=CatalogueSource.Kind)
    facts = models.JSONField()
    source = models.ForeignKey(CatalogueSource, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patch", "kind"], name="one_word_per_source_and_patch"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} on {self.patch}"


def spellings(patch_id: str) -> list[str]:
    """A patch as SSM reports it, and the package alone, which is all that some vendors' files name."""
    package, dot, _ = patch_id.rpartition(".")
    return [patch_id, package] if dot and not patch_id.startswith("KB") else [patch_id]
