"""Addresses that exist only in the demo."""

from django.urls import path

from portal.demo import api, views

app_name = "demo"
urlpatterns = [
    path("demo/sign-in/", views.sign_in, name="sign-in"),
    path("demo/advance/", views.advance, name="advance"),
    path("demo/mail/", views.mail, name="mail"),
    path("api/v1/demo/advance", api.Advance.as_view(), name="api-advance"),
]
