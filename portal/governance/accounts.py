"""Sign-in through django-allauth: people are let in by an administrator, and then use a password or single sign-on."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.http import HttpRequest

from portal.governance.models import User

VERIFIED = (True, "true")  # some providers send the word; any other text would count as true


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


class SingleSignOn(DefaultSocialAccountAdapter):
    """Whoever was let in is known by the address that the provider has verified, and from then on by its own id."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def authenticate_by_email(self, sociallogin: SocialLogin) -> tuple[User, str] | None:
        """The one active person with a verified address of this sign-in. Addresses of people are unique."""
        for address in sociallogin.email_addresses:
            if address.verified in VERIFIED:
                person = User.objects.filter(email__iexact=address.email, is_active=True).first()
                if person is not None:
                    return person, address.email
        return None
