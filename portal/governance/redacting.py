"""What must not be read in a log: secrets by their names, by their looks, and those that we know. Pure."""

import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SHORTEST_KNOWN = 8  # anything below would blot out ordinary words

# as in X-Amz-Security-Token, aws_secret_access_key, csrfmiddlewaretoken, ExternalId, patchwarden_sessionid
NAME = (
    r"[\w-]*(?:authorization|cookie|password|passwd|secret|token|external[_-]?id|session[_-]?(?:key|id)"
    r"|api[_-]?key|private[_-]?key|access[_-]?key|credential|signature)s?(?:[_-]?(?:key|id|value))?"
)
IS_SECRET = re.compile(NAME, re.IGNORECASE)
# between a name and its value: = or :, perhaps after the quote that ends the name; a comma in a pair of Python's
THEN = r"(?:\\*[\"']?\s*[:=]\s*|\\*[\"']\s*,\s*)"
# a value in quotes, to the end of the text if they never close; the quotes themselves may be escaped
QUOTED = r"[bru]?(?:\"(?:\\.|[^\"\\])*\"?|'(?:\\.|[^'\\])*'?|\\+([\"']).*?(?:\\+\2|$))"
RULES = (
    # passwords, cookies and signed headers have spaces in them: what follows on the line is theirs
    (
        re.compile(
            rf"((?<!\w)[\w-]*(?:authorization|cookie|password|passwd){THEN})(?:{QUOTED}|[^\n&]+)",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(rf"((?<!\w){NAME}{THEN})(?:{QUOTED}|[^\s&,;<>\])}}]+)", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(rf"(<{NAME}>)[^<]*", re.IGNORECASE), rf"\1{HIDDEN}"),
    (
        re.compile(r"\b(Bearer|Basic|Token)\s+[\"']?(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,}[\"']?", re.IGNORECASE),
        rf"\1 {HIDDEN}",
    ),
    (re.compile(r"(?:AKIA|ASIA)[A-Z0-9]{4,}"), HIDDEN),
    (re.compile(r"://[^\s/@]+@"), f"://{HIDDEN}@"),
    # whoever knows the address of a calendar reads it
    (re.compile(r"(/feeds/)[^\s/\"']+(?=\.ics)"), rf"\1{HIDDEN}"),
)


def is_secret(name: str) -> bool:
    """Whether a field of this name is a secret whatever it holds."""
    return IS_SECRET.fullmatch(name) is not None


def without_secrets(text: str, known: Iterable[str] = ()) -> str:
    """The text without what looks like a credential or is a known one; rather too much taken out than too little."""
    for secret in known:
        if len(secret) >= SHORTEST_KNOWN:
            text = text.replace(secret, HIDDEN)
    for pattern, replacement in RULES:
        text = pattern.sub(replacement, text)
    return text
