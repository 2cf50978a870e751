"""Addresses of the pages about people, below /people/."""

from django.urls import path

from portal.governance import people_web

app_name = "people"
urlpatterns = [
    path("", people_web.people, name="list"),
    path("add/", people_web.person_add, name="add"),
    path("teams/add/", people_web.team_add, name="team-add"),
    path("delegations/add/", people_web.delegate, name="delegate"),
    path("delegations/<int:pk>/end/", people_web.delegation_end, name="delegation-end"),
    path("<int:pk>/", people_web.person, name="detail"),
    path("<int:pk>/roles/", people_web.role_grant, name="role-grant"),
    path("<int:pk>/roles/<int:row>/end/", people_web.role_end, name="role-end"),
    path("<int:pk>/teams/", people_web.team_join, name="team-join"),
    path("<int:pk>/teams/<int:row>/leave/", people_web.team_leave, name="team-leave"),
    path("<int:pk>/deactivate/", people_web.person_deactivate, name="deactivate"),
    path("<int:pk>/reactivate/", people_web.person_reactivate, name="reactivate"),
]
