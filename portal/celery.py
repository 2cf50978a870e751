"""The Celery application: messages are nudges, the database says what is due."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("patchwarden")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
