"""Addresses of the set-up pages, part of the addresses of patching."""

from django.urls import path

from patching.web import setup

urlpatterns = [
    path("aws-accounts/connect/", setup.account_connect, name="account-connect"),
    path("aws-accounts/setup/<int:pk>/", setup.account_setup, name="account-setup"),
    path("aws-accounts/setup/<int:pk>/template/", setup.account_template, name="account-template"),
    path("applications/", setup.application_list, name="application-list"),
    path("applications/add/", setup.application_add, name="application-add"),
    path("applications/<int:pk>/", setup.application_detail, name="application-detail"),
    path("applications/<int:pk>/selectors/add/", setup.selector_add, name="selector-add"),
    path("applications/<int:pk>/selectors/<int:row>/remove/", setup.selector_remove, name="selector-remove"),
    path("environments/add/", setup.environment_add, name="environment-add"),
]
