"""What AWS says of an operating system in an account-region: the words of its filters, and its default baseline."""

from django.db import models


class SystemFacts(models.Model):
    """As AWS last said it. ``values`` are lists by filter key; ``default`` is a CreatePatchBaseline request."""

    account_region = models.ForeignKey(
        "patching.AccountRegion", on_delete=models.CASCADE, related_name="system_facts"
    )
    operating_system = models.CharField(max_length=30)
    values = models.JSONField(default=dict)
    values_read_at = models.DateTimeField(null=True)
    default_id = models.CharField(max_length=128, blank=True)  # AWS's own have an ARN for an id
    default_name = models.CharField(max_length=128, blank=True)
    default = models.JSONField(default=dict)
    default_read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["operating_system"]
        constraints = [
            models.UniqueConstraint(
                fields=["account_region", "operating_system"], name="one_row_of_facts_per_system_and_place"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operating_system} in {self.account_region}"

    @property
    def default_is_aws_own(self) -> bool:
        """Whether AWS's own baseline is the default, or somebody registered another."""
        return self.default_id.startswith("arn:")
