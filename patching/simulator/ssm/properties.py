"""What DescribePatchProperties answers: the words that filters may use, for the systems of the fleet only."""

LINUX_CLASSES = ["Security", "Bugfix", "Enhancement", "Recommended", "Newpackage"]
WINDOWS_CLASSES = ["CriticalUpdates", "DefinitionUpdates", "Drivers", "FeaturePacks", "SecurityUpdates"]
WINDOWS_CLASSES += ["ServicePacks", "Tools", "UpdateRollups", "Updates", "Upgrades"]

PROPERTIES: dict[str, dict[str, list[str]]] = {
    "WINDOWS": {
        "PRODUCT": ["WindowsServer2016", "WindowsServer2019", "WindowsServer2022", "WindowsServer2025"],
        "PRODUCT_FAMILY": ["Windows"],
        "CLASSIFICATION": WINDOWS_CLASSES,
        "MSRC_SEVERITY": ["Critical", "Important", "Moderate", "Low", "Unspecified"],
    },
    "AMAZON_LINUX_2023": {
        "PRODUCT": ["AmazonLinux2023"],
        "CLASSIFICATION": LINUX_CLASSES,
        "SEVERITY": ["Critical", "Important", "Medium", "Low"],
    },
    "REDHAT_ENTERPRISE_LINUX": {
        "PRODUCT": [f"RedhatEnterpriseLinux9.{minor}" for minor in range(9)],
        "CLASSIFICATION": LINUX_CLASSES,
        "SEVERITY": ["Critical", "Important", "Moderate", "Low"],
    },
    "UBUNTU": {
        "PRODUCT": ["Ubuntu20.04", "Ubuntu22.04", "Ubuntu24.04"],
        "PRIORITY": ["Required", "Important", "Standard", "Optional", "Extra"],
    },
}
