"""Check alternative patch repositories; what they are configured with is never repeated, for it may be secret."""

import re
from collections.abc import Mapping
from typing import Any

from patching.approval import WINDOWS
from patching.baseline_rules.report import Report, check_unknown
from patching.baseline_rules.vocabulary import Vocabulary

MAX_SOURCES, MAX_PRODUCTS = 20, 20


def check_sources(sources: Any, vocabulary: Vocabulary | None, report: Report) -> None:
    if sources is None:
        return
    if not isinstance(sources, list):
        report.error("Sources", "type", 'A list of {"Name": …, "Products": […], "Configuration": …}.')
        return
    if len(sources) > MAX_SOURCES:
        report.error("Sources", "too_many", f"At most {MAX_SOURCES} patch sources (found {len(sources)}).")
    if sources and vocabulary and vocabulary.system in (WINDOWS, "MACOS"):
        report.error("Sources", "not_applicable", f"Linux only; leave them out for {vocabulary.system}.")
    for number, source in enumerate(sources):
        _check_source(f"Sources[{number}]", source, report)


def _check_source(path: str, source: Any, report: Report) -> None:
    if not isinstance(source, Mapping):
        report.error(path, "type", 'A patch source is {"Name": …, "Products": […], "Configuration": …}.')
        return
    check_unknown(path, source, {"Name", "Products", "Configuration"}, report)
    name, products, configuration = (source.get(key) for key in ("Name", "Products", "Configuration"))
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_.-]{3,50}", name):
        report.error(f"{path}.Name", "name", "3 to 50 characters: letters, digits, _ - . such as our-mirror.")
    if not isinstance(products, list) or not 1 <= len(products) <= MAX_PRODUCTS:
        report.error(f"{path}.Products", "values", f"1 to {MAX_PRODUCTS} products, such as AmazonLinux2023.")
    elif not all(isinstance(product, str) and 1 <= len(product) <= 128 for product in products):
        report.error(f"{path}.Products", "value_length", "A product is a text of 1 to 128 characters.")
    if not isinstance(configuration, str) or not 1 <= len(configuration) <= 1024:
        report.error(
            f"{path}.Configuration", "configuration", "1 to 1024 characters of repository configuration."
        )
        return
    # the configuration may hold a secret, so no message repeats any of it
    if re.search(r"[a-z]+://[^/\s@]+@", configuration) or re.search(r"(?m)^\s*password\s*=", configuration):
        message = "It holds a password, which every reader of the baseline would see."
        report.error(f"{path}.Configuration", "credentials", message)
    if "http://" in configuration:
        message = "It fetches over http://, which anyone on the way can change; use https://."
        report.warn(f"{path}.Configuration", "insecure_source", message)
