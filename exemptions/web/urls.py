"""Addresses of the pages of exemptions."""

from django.urls import path

from exemptions.web import asking, views

app_name = "exemptions"
urlpatterns = [
    path("", views.exemption_list, name="exemption-list"),
    path("ask/", asking.exemption_ask, name="exemption-ask"),
    path("<int:pk>/", views.exemption_detail, name="exemption-detail"),
    path("<int:pk>/edit/", asking.exemption_edit, name="exemption-edit"),
    path("<int:pk>/decide/", views.exemption_decide, name="exemption-decide"),
    path("<int:pk>/submit/", views.exemption_submit, name="exemption-submit"),
    path("<int:pk>/withdraw/", views.exemption_withdraw, name="exemption-withdraw"),
    path("<int:pk>/revoke/", views.exemption_revoke, name="exemption-revoke"),
    path("<int:pk>/documents/<int:document>/", views.exemption_document, name="exemption-document"),
]
