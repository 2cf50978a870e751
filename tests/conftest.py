"""What every test stands on: the cast, a fresh clock, a database that can be emptied, and no silent skips."""

import os
import shutil
from collections.abc import Iterator
from glob import glob

import hypothesis
import pytest
import redis
from django.conf import settings

from patching import known_patches
from portal.governance import clock

pytest_plugins = ["tests.databases", "tests.people", "tests.simulated_aws", "tests.company", "tests.pushing"]

# how long an example takes says more of the machine than of the code
hypothesis.settings.register_profile("patchwarden", deadline=None)
hypothesis.settings.load_profile("patchwarden")

# .ci/run sets it: there, a test that did not run is a test that failed
NO_SKIPS = os.environ.get("PW_NO_SKIPS") == "1"
# .ci/run sets it for its second database: what asks none, or asks less than another test there, has just run
ONLY_DATABASE = os.environ.get("PW_ONLY_DATABASE") == "1"
# recorded replies and schedules of AWS; the tests that moto's source archive brings
LIES_ELSEWHERE = {"corpus": "PW_CORPUS", "moto": "PW_MOTO_TESTS"}
FAKETIME = next(iter(glob("/usr/lib/*/faketime/libfaketime.so.1")), "")
CHROMIUM = os.environ.get("PW_CHROMIUM") or shutil.which("chromium") or ""


def _missing_services() -> dict[str, str]:
    """Marks whose service is not there, and what to do about it."""
    missing = {}
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        missing["postgres"] = "set DATABASE_URL to a PostgreSQL"
    if not settings.REDIS_URL:
        missing["redis"] = "set REDIS_URL"
    if not CHROMIUM:
        missing["browser"] = "install Debian's chromium or set PW_CHROMIUM"
    if not FAKETIME:
        missing["faketime"] = "install Debian's faketime"
    return missing


# what takes a second each: a push into the simulated AWS, pages and calls by people who are signed in. Of these only
# the story is in every run; .ci/run runs them all
COSTLY = {"simulated_aws", "browse", "call_api"}
ALWAYS = {"tests/stories/test_ha_application.py"}
# modules that walk the road of many requests one by one
LONG = {
    "tests/dashboards/test_views.py",
    "tests/exemptions/test_ending.py",
    "tests/exemptions/test_narrowing.py",
    "tests/exemptions/test_never_active_after_the_end.py",
    "tests/exemptions/test_offers.py",
    "tests/exemptions/test_quality.py",
    "tests/exemptions/test_reminding.py",
    "tests/exemptions/test_renewing.py",
    "tests/exemptions/test_reviewing.py",
    "tests/exemptions/web/test_asking.py",
    "tests/exemptions/web/test_register.py",
    "tests/exemptions/web/test_renewing.py",
    "tests/exemptions/web/test_views.py",
    "tests/governance/test_web.py",
    "tests/patching/simulator/inspector2/test_operations.py",
    "tests/patching/test_effect_words.py",
    "tests/patching/test_exporting.py",
    "tests/patching/test_posture.py",
    "tests/patching/test_run_reviews.py",
    "tests/patching/test_shell.py",
}


@pytest.hookimpl(tryfirst=True)
def pytest_itemcollected(item: pytest.Item) -> None:
    module = item.nodeid.partition("::")[0]
    costly = COSTLY & set(getattr(item, "fixturenames", ()))
    if module in LONG or (costly and module not in ALWAYS and not _is_the_simulator_s_own(module)):
        item.add_marker("slow")


def _is_the_simulator_s_own(module: str) -> bool:
    """They ask the simulated AWS without a push, and no database of ours."""
    return module.startswith("tests/patching/simulator/")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what cannot run here, by name; never call it skipped."""
    _leave_out_what_lies_elsewhere(config, items)
    if ONLY_DATABASE:
        _leave_out_what_asks_no_database(config, items)
    missing = _missing_services()
    left_out = [item for item in items if any(item.get_closest_marker(mark) for mark in missing)]
    if left_out and NO_SKIPS:
        names = ", ".join(sorted({item.nodeid for item in left_out})[:5])
        raise pytest.UsageError(f"{len(left_out)} tests cannot run ({names}): {'; '.join(missing.values())}.")
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in set(left_out)]


def _leave_out_what_lies_elsewhere(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Files of others are no part of the repository: a variable says where they are, if anywhere."""
    absent = [mark for mark, variable in LIES_ELSEWHERE.items() if not os.environ.get(variable)]
    apart = [item for item in items if any(item.get_closest_marker(mark) for mark in absent)]
    if apart:
        config.hook.pytest_deselected(items=apart)
        items[:] = [item for item in items if item not in set(apart)]


def _leave_out_what_asks_no_database(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Pure modules and the simulator's own: they have just run, and no database of ours is in them."""
    apart = [item for item in items if not _asks_a_database(item) or item.get_closest_marker("short")]
    config.hook.pytest_deselected(items=apart)
    items[:] = [item for item in items if item not in set(apart)]


def _asks_a_database(item: pytest.Item) -> bool:
    marked = any(item.get_closest_marker(mark) for mark in ("django_db", "slow", "postgres", "redis"))
    return marked or bool({"db", "transactional_db"} & set(getattr(item, "fixturenames", ())))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    shutil.rmtree(settings.MEDIA_ROOT, ignore_errors=True)
    _empty_the_broker()
    if NO_SKIPS and _not_run(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _empty_the_broker() -> None:
    """Messages that this run left in a Redis it shares with others."""
    if settings.REDIS_URL:
        broker = redis.Redis.from_url(settings.REDIS_URL)
        mine = settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
        for key in broker.scan_iter(match=f"{mine}*"):
            broker.delete(key)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if NO_SKIPS and (names := _not_run(config)):
        terminalreporter.section("skipped, where every test has to run", red=True)
        for name in names:
            terminalreporter.line(name)


def _not_run(config: pytest.Config) -> list[str]:
    """Tests and modules that were skipped or expected to fail."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    stats = reporter.stats if reporter else {}
    return [report.nodeid for kind in ("skipped", "xfailed") for report in stats.get(kind, ())]


@pytest.fixture(autouse=True)
def fresh_clock() -> Iterator[None]:
    """No test sees a clock that another one moved, or a catalogue that it read."""
    clock.forget()
    known_patches.forget()
    yield
    clock.forget()
