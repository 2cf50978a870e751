"""Django's admin as a reading room for emergencies: everything can be looked at, nothing can be changed."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from portal.governance.models import ApiToken

HIDDEN = {"password", "external_id", "answer"}


# a site of our own: whatever other libraries register for editing stays outside
reading_room = admin.AdminSite(name="admin")


class ReadingRoom(admin.ModelAdmin):
    """Lists and shows; adds, changes and deletes nothing, for superusers neither."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def open_reading_room(app_label: str) -> None:
    """Show every model of an app, without the fields that hold secrets."""
    for model in apps.get_app_config(app_label).get_models():
        if model is not ApiToken and not reading_room.is_registered(model):
            reading_room.register(model, _room_for(model))


def _room_for(model: type[models.Model]) -> type[ReadingRoom]:
    hidden = sorted(HIDDEN & {field.name for field in model._meta.fields})
    return type(f"{model.__name__}Room", (ReadingRoom,), {"exclude": hidden})


open_reading_room("governance")
