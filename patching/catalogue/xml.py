"""XML without what an attacker puts into it: no entities, no external parts, no document types. By defusedxml."""

from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from patching.catalogue.fields import clean
from patching.catalogue.records import BadFile


def root_of(content: bytes) -> Element:
    """The document's root. Raises BadFile."""
    try:
        return fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise BadFile(
            "the file", "", "It declares entities or a document type; such XML is not read."
        ) from None
    except ParseError as problem:
        line = problem.position[0]
        raise BadFile(f"line {line}", "", f"This is not XML: {problem.msg}.") from None
    except (ValueError, LookupError, RecursionError) as problem:
        raise BadFile("the file", "", f"This is not XML: {problem}.") from None


def local(element: Element) -> str:
    """The name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def within(element: Element, *path: str) -> Iterator[Element]:
    """The elements at the end of a path of names, whatever their namespaces."""
    if not path:
        yield element
        return
    for child in element:
        if local(child) == path[0]:
            yield from within(child, *path[1:])


def inside(element: Element, *path: str) -> Element | None:
    return next(within(element, *path), None)


def text_in(element: Element, *path: str, where: str, required: bool = False) -> str:
    """The text of an element, or "" where there is none and need be none."""
    found = inside(element, *path)
    said = (found.text or "") if found is not None else ""
    if required and not said.strip():
        raise BadFile(where, "/".join(path), "It has to be given.")
    return clean(said, where, "/".join(path))


def attribute(element: Element, name: str, where: str, *, required: bool = False) -> str:
    said = element.get(name, "")
    if required and not said.strip():
        raise BadFile(where, f"{local(element)} {name}", "It has to be given.")
    return clean(said, where, f"{local(element)} {name}")
