"""Mail before windows open and after they ran: computed from the database whenever asked, told once to each person."""

from patching.notices.choosing import choices_of, choose, concerned
from patching.notices.sending import send_due

__all__ = ["choices_of", "choose", "concerned", "send_due"]
