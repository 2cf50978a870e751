"""Addresses of the audit log and of API tokens."""

from django.urls import path

from portal.governance import web

app_name = "governance"
urlpatterns = [
    path("audit/", web.audit_list, name="audit-list"),
    path("tokens/", web.token_list, name="token-list"),
    path("tokens/<str:key>/revoke/", web.token_revoke, name="token-revoke"),
]
