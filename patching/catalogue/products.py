"""What SSM calls a product: from the platform that inventory reports, and from vendors' own words. Pure.

The names are those of the dated vocabulary in `data/patch_vocabulary.json`. Windows' are read from the edition.
"""

import re
from collections.abc import Iterable

_PREFIXES = {
    "AMAZON_LINUX": "AmazonLinux",
    "AMAZON_LINUX_2": "AmazonLinux",
    "AMAZON_LINUX_2022": "AmazonLinux",
    "AMAZON_LINUX_2023": "AmazonLinux",
    "UBUNTU": "Ubuntu",
    "DEBIAN": "Debian",
    "RASPBIAN": "Raspbian",
    "REDHAT_ENTERPRISE_LINUX": "RedhatEnterpriseLinux",
    "CENTOS": "CentOS",
    "ORACLE_LINUX": "OracleLinux",
    "ROCKY_LINUX": "RockyLinux",
    "ALMA_LINUX": "AlmaLinux",
    "SUSE": "Suse",
    "MACOS": "MacOS",
}
_WINDOWS = re.compile(r"Windows (?P<server>Server )?(?P<release>[0-9][0-9.]*)(?P<r2> R2)?")


def product_of(system: str, platform_name: str, platform_version: str) -> str:
    """WindowsServer2022, RedhatEnterpriseLinux9.7; "" where it cannot be told."""
    if system == "WINDOWS":
        return windows_product(platform_name)
    if system not in _PREFIXES or not platform_version:
        return ""
    version = platform_version.split()[0]
    if system in ("DEBIAN", "RASPBIAN"):
        version = version.partition(".")[0]
    return f"{_PREFIXES[system]}{version}"


def windows_product(words: str) -> str:
    """WindowsServer2012R2 of "Windows Server 2012 R2 (Server Core installation)"."""
    if not (found := _WINDOWS.search(words)):
        return ""
    server = "Server" if found["server"] else ""
    return f"Windows{server}{found['release']}{'R2' if found['r2'] else ''}"


def red_hat_product(words: str) -> str:
    """RedhatEnterpriseLinux9 of "Red Hat Enterprise Linux AppStream (v. 9)"; "" for what is no such system."""
    if not words.startswith("Red Hat ") or "OpenShift" in words:
        return ""
    found = re.search(r"\(v\. ?(?P<release>[0-9]+(\.[0-9]+)?)|version (?P<plain>[0-9]+)", words)
    return f"RedhatEnterpriseLinux{found['release'] or found['plain']}" if found else ""


def systems_of(products: Iterable[str]) -> dict[str, str]:
    """The operating system of each product that one of the prefixes begins."""
    known = {prefix: system for system, prefix in _PREFIXES.items() if not system.startswith("AMAZON")}
    found = {}
    for product in products:
        if product.startswith("Windows"):
            found[product] = "WINDOWS"
        elif amazon := _amazon(product):
            found[product] = amazon
        else:
            for prefix, system in known.items():
                if product.startswith(prefix):
                    found[product] = system
    return found


def _amazon(product: str) -> str:
    for name in ("2023", "2022", "2"):
        if re.fullmatch(rf"AmazonLinux{name}(\.[0-9]+)*", product):
            return f"AMAZON_LINUX_{name}"
    return "AMAZON_LINUX" if product.startswith("AmazonLinux") else ""


def covers(products: Iterable[str], product: str) -> bool:
    """Whether a patch for these products is one for this product; a major version stands for its minors."""
    known = list(products)
    return not known or any(product == one or product.startswith(f"{one}.") for one in known)
