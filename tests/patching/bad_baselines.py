"""What people get wrong in baselines and names: each mistake once, as every entrance can say it, with what is answered.

``definition`` is how the API and files say it; ``form`` is what is filled in otherwise than in the form of a good one.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

SECURITY = {"Key": "CLASSIFICATION", "Values": ["SecurityUpdates"]}
LINUX = {"Key": "CLASSIFICATION", "Values": ["Security"]}
RULES, FILTERS = "ApprovalRules.PatchRules", "PatchFilterGroup.PatchFilters"
FIRST = f"{RULES}[0]"


def rule(*filters: Any, **fields: Any) -> dict[str, Any]:
    given = {"ApproveAfterDays": 7, "ComplianceLevel": "HIGH", **fields}
    kept = {name: value for name, value in given.items() if value is not None}
    return {"PatchFilterGroup": {"PatchFilters": list(filters)}, **kept}


def windows(*rules: Any, **fields: Any) -> dict[str, Any]:
    return {
        "OperatingSystem": "WINDOWS",
        "ApprovalRules": {"PatchRules": list(rules or [rule(SECURITY)])},
        **fields,
    }


def linux(*rules: Any, **fields: Any) -> dict[str, Any]:
    return {**windows(*(rules or [rule(LINUX)])), "OperatingSystem": "AMAZON_LINUX_2023", **fields}


def wanting(key: str, *values: str) -> dict[str, Any]:
    return rule({"Key": key, "Values": list(values)})


def source(**fields: Any) -> list[dict[str, Any]]:
    good = {"Name": "our-mirror", "Products": ["AmazonLinux2023"], "Configuration": "[main]"}
    return [{**good, **fields}]


class Mistake(NamedTuple):
    """One mistake: where the API and files have it and what they are told; the same of the form."""

    what: str
    definition: Mapping[str, Any]
    field: str
    says: str
    form: Mapping[str, Any] | None = None  # None where the form cannot say it
    under: str = ""  # the form's field
    shown: str = ""  # what the form says, where it is the form that knows


GOOD = windows()
MISTAKES = (
    # the operating system
    Mistake(
        "an operating system that nobody knows",
        windows(OperatingSystem="RHEL"),
        "OperatingSystem",
        "Use WINDOWS, AMAZON_LINUX,",
        {"operating_system": "RHEL"},
        "operating_system",
        "Select a valid choice",
    ),
    Mistake(
        "an operating system in small letters",
        windows(OperatingSystem="windows"),
        "OperatingSystem",
        "Did you mean WINDOWS?",
        {"operating_system": "windows"},
        "operating_system",
        "Select a valid choice",
    ),
    Mistake(
        "an operating system with its version",
        linux(OperatingSystem="UBUNTU_22"),
        "OperatingSystem",
        "Did you mean UBUNTU?",
    ),
    # what filters ask for
    Mistake(
        "Microsoft's severity on Linux",
        linux(wanting("MSRC_SEVERITY", "Critical")),
        f"{FIRST}.{FILTERS}[0].Key",
        "MSRC_SEVERITY is not available for AMAZON_LINUX_2023; use SEVERITY.",
    ),
    Mistake(
        "Linux's severity on Windows",
        windows(wanting("SEVERITY", "Critical")),
        f"{FIRST}.{FILTERS}[0].Key",
        "SEVERITY is not available for WINDOWS; use MSRC_SEVERITY.",
    ),
    Mistake(
        "a section of packages on Windows",
        windows(wanting("SECTION", "web")),
        f"{FIRST}.{FILTERS}[0].Key",
        '"SECTION" is not available for WINDOWS; use PATCH_SET,',
    ),
    Mistake(
        "a classification with a slip",
        windows(wanting("CLASSIFICATION", "Securty")),
        f"{FIRST}.{FILTERS}[0].Values[0]",
        "Did you mean SecurityUpdates?",
        {"rule-0-CLASSIFICATION": ["Securty"]},
        "rule-0-CLASSIFICATION",
    ),
    # how many there may be
    Mistake(
        "eleven rules",
        windows(*[rule(SECURITY)] * 11),
        RULES,
        "At most 10 rules (found 11).",
        {"rules": "11", **{f"rule-{number}-days": "7" for number in range(11)}},
        "__all__",
    ),
    Mistake(
        "five filters",
        windows(rule(*[SECURITY] * 5)),
        f"{FIRST}.{FILTERS}",
        "At most 4 filters (found 5).",
    ),
    Mistake(
        "twenty-one values",
        windows(wanting("PRODUCT", *(f"p{number}" for number in range(21)))),
        f"{FIRST}.{FILTERS}[0].Values",
        "1 to 20 values (found 21)",
        {"rule-0-PRODUCT": [f"p{number}" for number in range(21)]},
        "rule-0-PRODUCT",
    ),
    Mistake(
        "no value",
        windows(wanting("PRODUCT")),
        f"{FIRST}.{FILTERS}[0].Values",
        "1 to 20 values (found 0)",
    ),
    Mistake(
        "a value of sixty-five characters",
        windows(wanting("PRODUCT", "x" * 65)),
        f"{FIRST}.{FILTERS}[0].Values[0]",
        "1 to 64 characters",
        {"rule-0-PRODUCT_more": "x" * 65},
        "rule-0-PRODUCT",
    ),
    Mistake(
        "neither a rule nor an approved patch",
        {"OperatingSystem": "WINDOWS"},
        "ApprovalRules",
        "would install nothing. Give it a rule or an approved patch.",
        {"rules": "0"},
        "__all__",
    ),
    # when a rule approves
    *(
        Mistake(
            what,
            windows(rule(SECURITY, ApproveAfterDays=days)),
            f"{FIRST}.ApproveAfterDays",
            "Whole days, 0 to 360, such as 7.",
            {"rule-0-days": str(days)},
            "rule-0-days",
        )
        for what, days in (
            ("a delay below nothing", -1),
            ("a delay of 361 days", 361),
            ("a day and a half", 1.5),
        )
    ),
    Mistake(
        "neither days nor a date",
        windows(rule(SECURITY, ApproveAfterDays=None)),
        f"{FIRST}.ApproveAfterDays",
        "Give either days (0 to 360) or a date (2026-06-30).",
        {"rule-0-days": ""},
        "rule-0-days",
    ),
    Mistake(
        "both days and a date",
        windows(rule(SECURITY, ApproveUntilDate="2026-06-30")),
        f"{FIRST}.ApproveUntilDate",
        "Both days and a date are set. Give either days (0 to 360)",
        {"rule-0-until": "2026-06-30"},
        "rule-0-until",
    ),
    *(
        Mistake(
            what,
            windows(rule(SECURITY, ApproveAfterDays=None, ApproveUntilDate=date)),
            f"{FIRST}.ApproveUntilDate",
            "Use a date that exists, as yyyy-mm-dd, such as 2026-06-30.",
            {"rule-0-days": "", "rule-0-until": date},
            "rule-0-until",
        )
        for what, date in (
            ("a date that does not exist", "2026-02-30"),
            ("a date of another country", "01/02/2026"),
            ("a date with a time", "2026-06-30T00:00"),
        )
    ),
    Mistake(
        "a level that AWS has not",
        windows(rule(SECURITY, ComplianceLevel="SEVERE")),
        f"{FIRST}.ComplianceLevel",
        "Use UNSPECIFIED, INFORMATIONAL, LOW, MEDIUM, HIGH, CRITICAL.",
        {"rule-0-level": "SEVERE"},
        "rule-0-level",
        "Select a valid choice",
    ),
    # patches by name
    Mistake(
        "a patch that is approved and rejected",
        windows(ApprovedPatches=["KB5039217"], RejectedPatches=["KB5039217"]),
        "RejectedPatches[0]",
        '"KB5039217" is in both lists',
        {"approved": "KB5039217", "rejected": "KB5039217"},
        "rejected",
    ),
    *(
        Mistake(
            f"fifty-one patches that are {field}",
            windows(**{name: [f"KB50000{number:02}" for number in range(51)]}),
            name,
            "At most 50 patches (found 51).",
            {field: "\n".join(f"KB50000{number:02}" for number in range(51))},
            field,
        )
        for name, field in (("ApprovedPatches", "approved"), ("RejectedPatches", "rejected"))
    ),
    Mistake(
        "the name of a patch that never ends",
        windows(ApprovedPatches=["x" * 101]),
        "ApprovedPatches[0]",
        "1 to 100 characters",
        {"approved": "x" * 101},
        "approved",
    ),
    Mistake(
        "a KB number without its end",
        windows(ApprovedPatches=["KB12"]),
        "ApprovedPatches[0]",
        "Use a KB or bulletin id, such as KB5039217",
        {"approved": "KB12"},
        "approved",
    ),
    Mistake(
        "half a CVE",
        linux(ApprovedPatches=["CVE-2026"]),
        "ApprovedPatches[0]",
        "write it as in CVE-2026-0001",
        {"approved": "CVE-2026"},
        "approved",
    ),
    Mistake(
        "half an advisory",
        linux(ApprovedPatches=["RHSA-20261234"]),
        "ApprovedPatches[0]",
        "is no whole CVE or advisory id",
        {"approved": "RHSA-20261234"},
        "approved",
    ),
    Mistake(
        "a rejected CVE",
        linux(RejectedPatches=["CVE-2026-0001"]),
        "RejectedPatches[0]",
        "takes package names, no CVE or advisory ids; name a package, such as openssl*.",
        {"rejected": "CVE-2026-0001"},
        "rejected",
    ),
    Mistake(
        "a Windows update on Linux",
        linux(ApprovedPatches=["KB5039217"]),
        "ApprovedPatches[0]",
        "is a Windows update; name a package, such as openssl*.",
        {"approved": "KB5039217"},
        "approved",
    ),
    Mistake(
        "a patch that is listed twice",
        linux(RejectedPatches=["bash", "Bash"]),
        "RejectedPatches[1]",
        '"Bash" is listed twice.',
        {"rejected": "bash\nBash"},
        "rejected",
    ),
    Mistake(
        "every patch rejected",
        windows(RejectedPatches=["*"]),
        "RejectedPatches",
        "would install nothing. It rejects every patch.",
        {"rejected": "*"},
        "rejected",
    ),
    # what is not for this operating system
    *(
        Mistake(
            f"updates without security on {system}",
            windows(
                rule({"Key": "PRODUCT", "Values": ["*"]}, EnableNonSecurity=True), OperatingSystem=system
            ),
            f"{FIRST}.EnableNonSecurity",
            f"Linux only; leave it out for {system}.",
        )
        for system in ("WINDOWS", "MACOS")
    ),
    Mistake(
        "approved patches without security on Windows",
        windows(ApprovedPatchesEnableNonSecurity=True),
        "ApprovedPatchesEnableNonSecurity",
        "Linux only; leave it out for WINDOWS.",
    ),
    Mistake(
        "security updates of Windows on Linux",
        linux(AvailableSecurityUpdatesComplianceStatus="COMPLIANT"),
        "AvailableSecurityUpdatesComplianceStatus",
        "Only for WINDOWS",
    ),
    Mistake(
        "another repository on Windows",
        windows(Sources=source()),
        "Sources",
        "Linux only; leave them out for WINDOWS.",
    ),
    # other repositories
    Mistake(
        "a repository whose name has a space",
        linux(Sources=source(Name="our mirror")),
        "Sources[0].Name",
        "3 to 50 characters: letters, digits, _ - . such as our-mirror.",
        {"source-0-name": "our mirror"},
        "source-0-name",
    ),
    Mistake(
        "a repository for twenty-one products",
        linux(Sources=source(Products=["AmazonLinux2023"] * 21)),
        "Sources[0].Products",
        "1 to 20 products, such as AmazonLinux2023.",
        {"source-0-products": ",".join(["AmazonLinux2023"] * 21)},
        "source-0-products",
    ),
    Mistake(
        "a configuration that never ends",
        linux(Sources=source(Configuration="x" * 1025)),
        "Sources[0].Configuration",
        "1 to 1024 characters",
        {"source-0-configuration": "x" * 1025},
        "source-0-configuration",
    ),
    Mistake(
        "a repository with its password",
        linux(Sources=source(Configuration="baseurl=https://me:hunter2@mirror.example.com")),
        "Sources[0].Configuration",
        "It holds a password, which every reader of the baseline would see.",
        {"source-0-configuration": "baseurl=https://me:hunter2@mirror.example.com"},
        "source-0-configuration",
    ),
    # what it is called, and the rest
    Mistake(
        "a description that never ends",
        windows(Description="x" * 1025),
        "Description",
        "At most 1024 characters (you entered 1025).",
        {"description": "x" * 1025},
        "description",
    ),
    Mistake(
        "rejected patches that do something else",
        windows(RejectedPatches=["KB5039217"], RejectedPatchesAction="BLOCKED"),
        "RejectedPatchesAction",
        "Did you mean BLOCK?",
        {"rejected": "KB5039217", "rejected_action": "BLOCKED"},
        "rejected_action",
        "Select a valid choice",
    ),
)

# What only JSON can say: nothing of it is in a file of AWS's, which writes numbers as text and lists of one as one
ONLY_AS_JSON = (
    Mistake(
        "days in words",
        windows(rule(SECURITY, ApproveAfterDays="seven")),
        f"{FIRST}.ApproveAfterDays",
        "Whole days, 0 to 360",
    ),
    Mistake(
        "an empty description", windows(Description=""), "Description", "leave it out where there is none"
    ),
    Mistake(
        "a list of patches as text",
        windows(ApprovedPatches={"KB5039217": 1}),
        "ApprovedPatches",
        'such as ["KB5039217"]',
    ),
    Mistake(
        "a field with a slip",
        windows(RejectedPatch=["KB5039217"]),
        "RejectedPatch",
        "Did you mean RejectedPatches?",
    ),
    Mistake(
        "a NUL in the description",
        windows(Description="pro\x00d"),
        "Description",
        "The character U+0000 is not allowed",
    ),
    Mistake("a name of its own", windows(Name="other"), "Name", "Leave Name out; it is set for you."),
)


class BadName(NamedTuple):
    """A name that is none, and what is said of it; ``shown``: what the form says instead, None where it has no such."""

    what: str
    name: Any
    says: str
    shown: str | None = ""


LIMIT = "Use 3–128 characters: letters A–Z, digits, _ - and . without spaces, such as payments-prod-a."
# of a baseline or a window
AWS_NAMES = (
    BadName("nothing", "", LIMIT, "This field is required."),
    BadName("spaces", "   ", LIMIT, "This field is required."),
    BadName("one letter", "a", LIMIT),
    BadName("129 letters", "a" * 129, LIMIT, "at most 128 characters (it has 129)."),
    BadName("two words", "my window", LIMIT),
    BadName("a star", "web*", LIMIT),
    BadName("a line break at the end", "prod\n", LIMIT, None),
    BadName("a Cyrillic letter", "pr\N{CYRILLIC SMALL LETTER O}d", LIMIT),
    BadName("an invisible space", "prod\N{ZERO WIDTH SPACE}", LIMIT),
    BadName("writing from the right", "\N{RIGHT-TO-LEFT OVERRIDE}dorp", LIMIT),
    BadName("an emoji", "prod\N{ROCKET}", LIMIT),
    BadName("a number", 12345, LIMIT, None),
)
ALLOWED = "is not allowed. Use letters, digits, spaces and _ . : / = + - @"
# of a patch group, which is the value of a tag
TAG_VALUES = (
    BadName("nothing", "", "Enter a name, such as payments-prod.", "This field is required."),
    BadName("spaces", "   ", "Enter a name, such as payments-prod.", "This field is required."),
    BadName("257 letters", "a" * 257, "At most 256 characters (you entered 257).", "at most 256 characters"),
    BadName("a star", "web*", f"The character “*” {ALLOWED}"),
    BadName("an emoji", "prod\N{ROCKET}", f"The character “\N{ROCKET}” {ALLOWED}"),
    BadName("a tab", "prod\tweb", f"The character “U+0009” {ALLOWED}"),
    BadName("a line break", "prod\nweb", f"The character “U+000A” {ALLOWED}"),
    BadName("a NUL", "prod\x00web", "The character U+0000 is not allowed in any text", "Null characters"),
    BadName(
        "a space at its end",
        "prod ",
        "has a space at its start or end; AWS would treat it as a different",
        None,
    ),
    BadName("a space at its start", " prod", "has a space at its start or end", None),
    BadName("an accent apart from its letter", "cafe\N{COMBINING ACUTE ACCENT}", ALLOWED),
    BadName(
        "a Cyrillic letter",
        "pr\N{CYRILLIC SMALL LETTER O}d",
        "cyrillic small letter o) is easily taken for another",
    ),
    BadName(
        "a Greek letter", "pr\N{GREEK SMALL LETTER OMICRON}d", "greek small letter omicron) is easily taken"
    ),
    BadName("a wide letter", "prod\N{FULLWIDTH LATIN SMALL LETTER A}", "use plain letters of one alphabet"),
    BadName("an invisible space", "prod\N{ZERO WIDTH SPACE}", f"The character “U+200B” {ALLOWED}"),
    BadName("writing from the right", "\N{RIGHT-TO-LEFT OVERRIDE}dorp", f"The character “U+202E” {ALLOWED}"),
    BadName("a number", 12345, "Enter a name, such as payments-prod.", None),
)
