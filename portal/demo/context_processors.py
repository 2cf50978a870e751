"""What pages show only in the demo: the bar that moves the clock, and the cast to sign in as.

Nothing here asks the database; the bar's template asks the clock, and only when it is shown.
"""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from portal.demo.cast import CAST


def demo(request: HttpRequest) -> dict[str, Any]:
    """``demo_cast`` for everybody, ``demo_bar`` for who is signed in."""
    user = getattr(request, "user", None)
    sign_in = reverse("demo:sign-in")
    cast = [
        {
            "url": sign_in,
            "username": member.username,
            "name": member.name,
            "initials": member.initials,
            "role": member.role,
            "about": member.about,
        }
        for member in CAST
    ]
    return {"demo_cast": cast, "demo_bar": user is not None and user.is_authenticated}
