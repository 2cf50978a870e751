"""Characters that no text may hold: a database, a reply or AWS would refuse or lose them. Pure."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

LINES = "\n\r\t"
# control characters, and halves of a character (lone surrogates)
REFUSED = ("Cc", "Cs")
LOOK_ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")


def refused_in(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """The first refused character of each text inside a value, and of each key, with its path."""
    if isinstance(value, str):
        if (found := first_refused(value)) is not None:
            yield path, found
    elif isinstance(value, Mapping):
        for key, one in value.items():
            if (found := first_refused(str(key))) is not None:
                yield path, found
            else:
                yield from refused_in(one, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, one in enumerate(value):
            yield from refused_in(one, f"{path}[{number}]")


def first_refused(text: str) -> str | None:
    """The first character that no text may hold; line breaks and tabs are none of these."""
    if text.isprintable():
        return None
    return next((one for one in text if unicodedata.category(one) in REFUSED and one not in LINES), None)


def mistakable_in(text: str) -> str | None:
    """A letter of a text that is easily taken for another: of a second alphabet, or a form of a plain one."""
    alphabets = [(one, _alphabet(one)) for one in text]
    first = next((alphabet for _, alphabet in alphabets if alphabet), None)
    for one, alphabet in alphabets:
        if (alphabet and alphabet != first) or unicodedata.normalize("NFKC", one) != one:
            return one
    return None


def _alphabet(character: str) -> str:
    """The alphabet of a letter, of those whose letters look like each other's; "" for all else."""
    script = unicodedata.name(character, "").partition(" ")[0]
    return script if script in LOOK_ALIKE and character.isalpha() else ""


def code(character: str) -> str:
    """How a character is called that cannot be shown: U+0000."""
    return f"U+{ord(character):04X}"
