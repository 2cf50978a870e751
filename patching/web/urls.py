"""Addresses of the pages of the flow."""

from django.urls import path

from patching.web import (
    accounts,
    baselines,
    editing,
    groups,
    instances,
    pushes,
    requests,
    setup_urls,
    windows,
    wizard,
)

app_name = "patching"
urlpatterns = [
    path("requests/inbox/", requests.inbox, name="inbox"),
    path("requests/", requests.request_list, name="request-list"),
    path("requests/new/", editing.request_new, name="request-new"),
    path("requests/new/ha-windows/", wizard.ha_windows, name="ha-windows"),
    path("requests/new/window/", editing.window_new, name="window-new"),
    path("requests/new/patch-group/", editing.group_new, name="group-new"),
    path("requests/new/baseline/", editing.baseline_new, name="baseline-new"),
    path("requests/new/several/", editing.several_new, name="several-new"),
    path("requests/<int:pk>/", requests.request_detail, name="request-detail"),
    path("requests/<int:pk>/edit/", editing.request_edit, name="request-edit"),
    path("requests/<int:pk>/decide/", requests.request_decide, name="request-decide"),
    path("requests/<int:pk>/submit/", requests.request_submit, name="request-submit"),
    path("requests/<int:pk>/withdraw/", requests.request_withdraw, name="request-withdraw"),
    path("requests/<int:pk>/retry/", requests.request_retry, name="request-retry"),
    path("windows/", windows.window_list, name="window-list"),
    path("windows/<int:pk>/", windows.window_detail, name="window-detail"),
    path("windows/<int:pk>/change/", editing.window_change, name="window-change"),
    path("windows/<int:pk>/remove/", editing.window_remove, name="window-remove"),
    path("patch-groups/", groups.group_list, name="group-list"),
    path("patch-groups/<int:pk>/", groups.group_detail, name="group-detail"),
    path("patch-groups/<int:pk>/change/", editing.group_change, name="group-change"),
    path("patch-groups/<int:pk>/remove/", editing.group_remove, name="group-remove"),
    path("baselines/", baselines.baseline_list, name="baseline-list"),
    path("baselines/<int:pk>/", baselines.baseline_detail, name="baseline-detail"),
    path("baselines/<int:pk>/change/", editing.baseline_change, name="baseline-change"),
    path("baselines/<int:pk>/remove/", editing.baseline_remove, name="baseline-remove"),
    path("instances/", instances.instance_list, name="instance-list"),
    path("instances/<int:pk>/", instances.instance_detail, name="instance-detail"),
    path("pushes/", pushes.push_list, name="push-list"),
    path("pushes/<int:pk>/", pushes.push_detail, name="push-detail"),
    # accounts/ is where people sign in
    path("aws-accounts/", accounts.account_list, name="account-list"),
    path("aws-accounts/<int:pk>/", accounts.account_detail, name="account-detail"),
    path("aws-accounts/<int:pk>/push/", accounts.push_now, name="push-now"),
    path("aws-accounts/<int:pk>/pull/", accounts.pull_now, name="pull-now"),
    *setup_urls.urlpatterns,
]
