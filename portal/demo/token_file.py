"""``tokens.json``: an API token of each of the cast, for scripts; readable by its owner only."""

import json
import os
from datetime import timedelta
from pathlib import Path

from portal.demo.cast import CAST
from portal.governance.models import ApiToken, User

NAME = "Demo"
LIFETIME = timedelta(days=3650)


def write(path: Path) -> None:
    """Mint anew and replace; minted past ``tokens.mint``, since a demo's tokens may decide for longer than an hour."""
    ApiToken.objects.filter(name=NAME).delete()
    tokens = {}
    for member in CAST:
        owner = User.objects.get(username=member.username)
        _, tokens[member.username] = ApiToken.objects.create(
            owner, expiry=LIFETIME, name=NAME, scopes=sorted(member.scopes)
        )
    fresh = path.with_suffix(".new")
    with open(fresh, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(tokens, file, indent=2)
    fresh.replace(path)


def is_valid(path: Path) -> bool:
    """Whether the file is there and the database still knows what it holds."""
    if not path.exists():
        return False
    keys = {text[:15] for text in json.loads(path.read_text()).values()}
    return ApiToken.objects.filter(name=NAME, token_key__in=keys).count() == len(CAST)
