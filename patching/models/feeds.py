"""Addresses under which a calendar program reads windows, and who wants mail of which application's windows."""

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


class NoticeChoice(models.Model):
    """Somebody wants the mail of an application's windows, or does not; without one, its team gets it."""

    user = models.ForeignKey("governance.User", on_delete=models.CASCADE, related_name="notice_choices")
    application = models.ForeignKey("patching.Application", on_delete=models.CASCADE, related_name="+")
    wanted = models.BooleanField()
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "application"], name="one_notice_choice_per_person_and_application"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.application}, {'wanted' if self.wanted else 'not wanted'}"
