"""What DescribePatchProperties answers: the words that filters may use, for every operating system SSM knows.

From the last list that AWS published, in botocore 1.12.120, and for younger products from AWS's user guide and the
baselines that people share. What AWS answers today may be more.
"""

LINUX_CLASSES = ["Security", "Bugfix", "Enhancement", "Recommended", "Newpackage"]
WINDOWS_CLASSES = ["CriticalUpdates", "DefinitionUpdates", "Drivers", "FeaturePacks", "SecurityUpdates"]
WINDOWS_CLASSES += ["ServicePacks", "Tools", "UpdateRollups", "Updates", "Upgrades"]
SUSE_CLASSES = ["Security", "Recommended", "Optional", "Feature", "Document", "Yast"]
WITH_MEDIUM = ["Critical", "Important", "Medium", "Low"]
WITH_MODERATE = ["Critical", "Important", "Moderate", "Low"]
PRIORITIES = ["Required", "Important", "Standard", "Optional", "Extra"]
WINDOWS = ["Windows7", "Windows8", "Windows8.1", "Windows8Embedded", "Windows10", "Windows10LTSB"]
WINDOWS += [
    f"WindowsServer{year}" for year in ("2008", "2008R2", "2012", "2012R2", "2016", "2019", "2022", "2025")
]


def _releases(name: str, minors: dict[int, range]) -> list[str]:
    return [f"{name}{major}.{minor}" for major, some in minors.items() for minor in some]


def _rpm(products: list[str], severities: list[str]) -> dict[str, list[str]]:
    return {"PRODUCT": products, "CLASSIFICATION": LINUX_CLASSES, "SEVERITY": severities}


def _deb(products: list[str]) -> dict[str, list[str]]:
    return {"PRODUCT": products, "PRIORITY": PRIORITIES}


PROPERTIES: dict[str, dict[str, list[str]]] = {
    "WINDOWS": {
        "PRODUCT": WINDOWS,
        "PRODUCT_FAMILY": ["Windows"],
        "CLASSIFICATION": WINDOWS_CLASSES,
        "MSRC_SEVERITY": ["Critical", "Important", "Moderate", "Low", "Unspecified"],
    },
    "AMAZON_LINUX": _rpm(
        [f"AmazonLinux{year}.{month}" for year in range(2012, 2019) for month in ("03", "09")], WITH_MEDIUM
    ),
    "AMAZON_LINUX_2": _rpm(["AmazonLinux2", "AmazonLinux2.0"], WITH_MEDIUM),
    "AMAZON_LINUX_2022": _rpm(["AmazonLinux2022"], WITH_MEDIUM),
    "AMAZON_LINUX_2023": _rpm(["AmazonLinux2023"], WITH_MEDIUM),
    "REDHAT_ENTERPRISE_LINUX": _rpm(
        _releases("RedhatEnterpriseLinux", {6: range(5, 11), 7: range(10), 8: range(11), 9: range(8)}),
        WITH_MODERATE,
    ),
    "CENTOS": _rpm(
        _releases("CentOS", {6: range(5, 11), 7: range(10), 8: range(6)})
        + ["CentOSStream8", "CentOSStream9"],
        WITH_MODERATE,
    ),
    "ROCKY_LINUX": _rpm(_releases("RockyLinux", {8: range(4, 11), 9: range(7)}), WITH_MODERATE),
    "ALMA_LINUX": _rpm(_releases("AlmaLinux", {8: range(3, 11), 9: range(7)}), WITH_MODERATE),
    "ORACLE_LINUX": _rpm(
        _releases("OracleLinux", {7: range(5, 10), 8: range(11), 9: range(7)}), WITH_MODERATE
    ),
    "SUSE": {
        "PRODUCT": _releases("Suse", {12: range(10), 15: range(8)}),
        "CLASSIFICATION": SUSE_CLASSES,
        "SEVERITY": WITH_MODERATE,
    },
    "UBUNTU": _deb([f"Ubuntu{one}" for one in ("14.04", "16.04", "18.04", "20.04", "22.04", "24.04")]),
    "DEBIAN": _deb([f"Debian{major}" for major in range(8, 13)]),
    "RASPBIAN": _deb([f"Raspbian{major}" for major in range(8, 11)]),
    "MACOS": {
        "PRODUCT": ["macOS10.14", "macOS10.15", "macOS11", "macOS12", "macOS13", "macOS14"],
        "CLASSIFICATION": ["Security", "Recommended"],
    },
}
