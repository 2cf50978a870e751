"""RPM packages by name, build and architecture, in the one spelling that SSM has for them."""

import re

_NEVRA = re.compile(
    r"(?P<name>[^:]+?)-(?:(?P<epoch>[0-9]+):)?(?P<version>[^-:]+)-(?P<release>[^-]+)\.(?P<arch>\w+)"
)
SOURCES = ("src", "nosrc")


def named(package: str, arch: str = "") -> str:
    """openssl.x86_64, or openssl where no architecture is told."""
    return f"{package}.{arch}" if arch else package


def build_of(version: str, release: str = "", epoch: str = "") -> str:
    """0:3.0.7-27.el9: epoch, version and release; a version that holds all of it is taken apart."""
    if not epoch and ":" in version:
        epoch, _, version = version.partition(":")
    return f"{epoch or '0'}:{version}{f'-{release}' if release else ''}"


def from_nevra(text: str) -> tuple[str, str] | None:
    """("openssl.x86_64", "1:3.0.7-27.el9") of "openssl-1:3.0.7-27.el9.x86_64"; None where it is something else."""
    if not (found := _NEVRA.fullmatch(text)):
        return None
    if found["arch"] in SOURCES:
        return None
    return named(found["name"], found["arch"]), build_of(
        found["version"], found["release"], found["epoch"] or ""
    )
