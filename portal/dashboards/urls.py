"""Addresses of the compliance pages; home is named at the root."""

from django.urls import path

from portal.dashboards import views

app_name = "dashboards"
urlpatterns = [
    path("compliance/", views.compliance, name="compliance"),
    path("compliance/instances/", views.instances, name="compliance-instances"),
    path("compliance/findings/", views.findings, name="compliance-findings"),
]
