"""What is patched for whom: environments, applications, and the selectors that say which instances are theirs."""

from django.db import models

from patching.models.visibility import VisibleQuerySet


class Environment(models.Model):
    """Dev, test, prod and what an installation adds. Production is a field, never guessed from a name."""

    slug = models.SlugField(max_length=20, unique=True)
    name = models.CharField(max_length=40)
    is_production = models.BooleanField(default=False)
    rank = models.PositiveSmallIntegerField(help_text="Order in which environments are patched, first is 1.")

    class Meta:
        ordering = ["rank"]

    def __str__(self) -> str:
        return self.name


class ApplicationQuerySet(VisibleQuerySet):
    team_path = "team"


class Application(models.Model):
    """Something a team runs."""

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    team = models.ForeignKey("governance.Team", on_delete=models.PROTECT, related_name="applications")

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class Selector(models.Model):
    """Instances of one account-region that carry all these tags belong to this application and environment."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="selectors")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="+")
    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.CASCADE, related_name="selectors"
    )
    tags = models.JSONField(
        help_text='Tags that all must match, such as {"App": "payments", "Environment": "prod"}.'
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account_region", "tags"], name="one_application_per_selector")
        ]

    def __str__(self) -> str:
        return f"{self.application} {self.environment} in {self.account_region}"

    def matches(self, tags: dict[str, str]) -> bool:
        return bool(self.tags) and all(tags.get(key) == value for key, value in self.tags.items())
