"""Addresses under which a calendar program reads windows; each can be revoked."""

from django.db import models
from django.db.models import Q


class CalendarFeed(models.Model):
    """One address, of one person or one team. Whoever knows it reads; it is kept as a hash."""

    owner = models.ForeignKey(
        "governance.User", null=True, on_delete=models.CASCADE, related_name="calendar_feeds"
    )
    team = models.ForeignKey(
        "governance.Team", null=True, on_delete=models.CASCADE, related_name="calendar_feeds"
    )
    label = models.CharField(max_length=80)
    key_hash = models.CharField(max_length=64, unique=True)  # SHA-256 of the secret part of the address
    made_by = models.ForeignKey("governance.User", on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField()
    last_read_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(owner=None, team__isnull=False) | Q(owner__isnull=False, team=None),
                name="a_feed_is_one_persons_or_one_teams",
            ),
        ]

    def __str__(self) -> str:
        return self.label
