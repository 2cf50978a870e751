"""Versions of a baseline side by side: rules are matched by what they are about; nothing that differs looks alike."""

from patching.alignment import of_baselines


def rule(days=7, level="HIGH", **filters):
    return {
        "PatchFilterGroup": {
            "PatchFilters": [{"Key": key, "Values": values} for key, values in filters.items()]
        },
        "ApproveAfterDays": days,
        "ComplianceLevel": level,
    }


def version(*rules, **fields):
    return {
        "definition": {"OperatingSystem": "WINDOWS", "ApprovalRules": {"PatchRules": list(rules)}, **fields}
    }


CRITICAL = rule(0, "CRITICAL", CLASSIFICATION=["SecurityUpdates"], MSRC_SEVERITY=["Critical"])
REST = rule(14, PRODUCT=["*"])


def differing(*versions):
    """Fields in which the last version differs from the one before it, with both texts."""
    earlier, later = of_baselines(*versions)[-2:]
    return {
        field: (earlier.get(field), later[field]) for field in later if earlier.get(field) != later[field]
    }


def test_rules_in_another_order_are_no_change():
    assert differing(version(CRITICAL, REST), version(REST, CRITICAL)) == {}


def test_a_rule_put_before_the_others_leaves_theirs_alone():
    drivers = rule(30, "LOW", CLASSIFICATION=["Drivers"])
    assert differing(version(CRITICAL, REST), version(drivers, CRITICAL, REST)) == {
        "Drivers": ("No such rule", "After 30 days, counts as Low")
    }


def test_a_rule_with_other_values_is_the_same_rule_changed():
    more = rule(0, "CRITICAL", CLASSIFICATION=["SecurityUpdates"], MSRC_SEVERITY=["Critical", "Important"])
    assert differing(version(CRITICAL, REST), version(REST, more)) == {
        "Critical or Important security updates": (
            "Critical security updates, after 0 days, counts as Critical",
            "Critical or Important security updates, after 0 days, counts as Critical",
        )
    }


def test_two_rules_about_the_same_are_paired_by_what_else_they_say():
    slow, fast = rule(30, CLASSIFICATION=["Drivers"]), rule(3, CLASSIFICATION=["Drivers"])
    assert differing(version(slow, fast), version(fast, slow)) == {}


def test_three_versions_share_their_fields():
    edited = rule(21, PRODUCT=["*"])
    live, approved, proposed = of_baselines(
        version(edited, CRITICAL), version(CRITICAL, REST), version(CRITICAL, REST)
    )
    assert list(live) == list(approved) == list(proposed)
    assert (live["Everything else"], approved["Everything else"]) == (
        "After 21 days, counts as High",
        "After 14 days, counts as High",
    )


def test_a_version_that_is_not_there_stays_away():
    assert of_baselines(None, version(REST))[0] is None


def test_long_lists_never_look_alike():
    many = [f"KB50000{number:02}" for number in range(40)]
    moved = differing(version(RejectedPatches=many), version(RejectedPatches=[*many[:-1], "KB5099999"]))
    assert "(+KB5099999, \N{MINUS SIGN}KB5000039)" in moved["Rejected by name"][1]


def test_a_source_that_fetches_from_elsewhere_shows_without_its_configuration():
    source = {"Name": "mirror", "Products": ["*"], "Configuration": "baseurl=https://a.example.com"}
    other = {**source, "Configuration": "baseurl=https://b.example.com"}
    ((earlier, later),) = differing(version(Sources=[source]), version(Sources=[other])).values()
    assert earlier != later
    assert "example.com" not in earlier + later


def test_settings_and_names_that_move_are_told():
    before = {"name": "a", **version(REST)}
    after = {"name": "b", **version(REST, RejectedPatchesAction="BLOCK", RejectedPatches=["KB5000001"])}
    assert differing(before, after) == {
        "Name": ("a", "b"),
        "Rejected by name": ("None", "KB5000001"),
        "Rejected patches that others need": ("Are installed with those", "Are blocked too"),
    }
