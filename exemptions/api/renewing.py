"""What the API takes of a renewal."""

from rest_framework import serializers

from exemptions.api.asks import InstancesIn
from portal.governance.api_parts import In


class RenewalIn(In):
    """What a renewal says anew; everything else is taken over and can be edited in the draft."""

    ends_at = serializers.DateTimeField(
        help_text="At most half as long after the end of what is renewed as that one lasted."
    )
    reason = serializers.CharField(min_length=20, max_length=4000, help_text="Why it is still needed.")
    instances = InstancesIn(
        required=False,
        help_text="Ids of those that still need it; all when left out.",
    )
    patches = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        help_text="Patches that still stay off; all when left out.",
    )
