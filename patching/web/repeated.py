"""Parts of a form that repeat, such as rules: add, remove and move them in what was sent, so that no script is needed.

Parts are numbered in the names of their fields, ``rule-0-days``; another, ``rules``, says how many there are.
A button named ``edit`` says what to do: ``add rule``, ``remove rule 1``, ``up rule 1``, ``down rule 1``.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.http import QueryDict

EDIT = "edit"
_WISH = re.compile(r"(?P<act>add|remove|up|down) (?P<part>[a-z]+)(?: (?P<number>\d{1,2}))?")


def count(data: Mapping[str, Any], part: str, most: int) -> int:
    """How many of a part were sent; never more than could be shown."""
    text = str(data.get(f"{part}s", ""))
    return min(int(text), most) if text.isdecimal() and text.isascii() else 0


def edited(data: QueryDict, most: int) -> QueryDict:
    """What was sent with the wish of its ``edit`` button carried out, and the button gone."""
    answers = data.copy()
    wish = _WISH.fullmatch(answers.get(EDIT, ""))
    del answers[EDIT]
    if wish is None:
        return answers
    act, part = wish["act"], wish["part"]
    order: list[int | None] = list(range(count(answers, part, most)))
    number = int(wish["number"] or 0)
    if act == "add" and len(order) < most:
        order.append(None)
    elif act == "remove" and number < len(order):
        del order[number]
    elif act in ("up", "down"):
        other = number + (1 if act == "down" else -1)
        if min(number, other) >= 0 and max(number, other) < len(order):
            order[number], order[other] = order[other], order[number]
    return _in_order(answers, part, order)


def _in_order(data: QueryDict, part: str, order: list[int | None]) -> QueryDict:
    names = re.compile(rf"{part}-(\d+)-(.+)")
    taken: dict[int, dict[str, list[Any]]] = {}
    for name in list(data):
        if found := names.fullmatch(name):
            taken.setdefault(int(found[1]), {})[found[2]] = data.getlist(name)
            del data[name]
    for number, earlier in enumerate(order):
        for field, values in taken.get(earlier, {}).items() if earlier is not None else ():
            data.setlist(f"{part}-{number}-{field}", values)
    data[f"{part}s"] = str(len(order))
    return data
