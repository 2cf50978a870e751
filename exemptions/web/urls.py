"""Addresses of the pages of exemptions."""

from django.urls import path

from exemptions.web import (
    asking,
    counting,
    inbox,
    narrowing,
    offering,
    register,
    renewing,
    reviewing,
    talking,
    views,
)

app_name = "exemptions"
urlpatterns = [
    path("", register.exemption_list, name="exemption-list"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("debt/", counting.debt_page, name="exemption-debt"),
    path("quality/", counting.quality_page, name="exemption-quality"),
    path("ask/", asking.exemption_ask, name="exemption-ask"),
    path("<int:pk>/", views.exemption_detail, name="exemption-detail"),
    path("<int:pk>/edit/", asking.exemption_edit, name="exemption-edit"),
    path("<int:pk>/decide/", views.exemption_decide, name="exemption-decide"),
    path("<int:pk>/offer/", offering.exemption_offer, name="exemption-offer"),
    path("<int:pk>/offer/accept/", offering.offer_accept, name="offer-accept"),
    path("<int:pk>/offer/decline/", offering.offer_decline, name="offer-decline"),
    path("<int:pk>/submit/", views.exemption_submit, name="exemption-submit"),
    path("<int:pk>/withdraw/", views.exemption_withdraw, name="exemption-withdraw"),
    path("<int:pk>/revoke/", views.exemption_revoke, name="exemption-revoke"),
    path("<int:pk>/renew/", renewing.exemption_renew, name="exemption-renew"),
    path("<int:pk>/reviews/<int:review>/close/", reviewing.review_close, name="review-close"),
    path("<int:pk>/narrow/", narrowing.exemption_narrow, name="exemption-narrow"),
    path("<int:pk>/comments/", talking.exemption_comment, name="exemption-comment"),
    path("<int:pk>/comments/<int:comment>/resolve/", talking.comment_resolve, name="comment-resolve"),
    path("<int:pk>/documents/<int:document>/", views.exemption_document, name="exemption-document"),
]
