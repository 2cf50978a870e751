"""What mails say of an exemption, in words that fit its kind. Reads only."""

from exemptions.models import Exemption
from patching.words import counted, listed


def asks(exemption: Exemption) -> str:
    """What is asked for: “leave 2 instances of payments unpatched until …”."""
    them = f"{counted(exemption.instances.count(), 'instance')} of {exemption.application}"
    if _excludes(exemption):
        return f"leave {listed(exemption.patches)} off {them} until {_end(exemption)}"
    return f"leave {them} unpatched until {_end(exemption)}"


def allows(exemption: Exemption) -> str:
    """What its approval does, as sentences."""
    if _excludes(exemption):
        return (
            f"Its instances go without {listed(exemption.patches)} until {_end(exemption)}; "
            "their other patches go on in their window."
        )
    return f"Patching of its instances pauses until {_end(exemption)} and then starts again."


def ends(exemption: Exemption) -> str:
    """What its early end does, as a sentence."""
    if _excludes(exemption):
        return f"The next runs of their window install {listed(exemption.patches)} too."
    return "Patching starts again."


def _excludes(exemption: Exemption) -> bool:
    return exemption.kind == Exemption.Kind.PATCH_EXCLUSION


def _end(exemption: Exemption) -> str:
    return f"{exemption.ends_at:%d %b %Y %H:%M} UTC"
