"""No room is left: for the database, for documents, for anything. Nothing is half saved, and it goes on afterwards."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection, connections

from exemptions.models import Document
from patching import push, turns
from patching.models import ChangeRequest, PushRun
from portal.governance import audit
from tests import asks, databases, factories, people
from tests.exemptions import asks as exempt
from tests.faults.rig import load, matrix, oracle, processes
from tests.faults.rig.client import API, Caller

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

REQUESTS = f"{API}/change-requests/"
KILOBYTE = 1024
PLENTY = 1_000_000  # pages
BOUNDARY = "b"


@pytest.fixture
def private_sqlite(transactional_db, tmp_path) -> Iterator[Path]:
    """An SQLite file of our own, as portal/settings.py opens one, that may be full."""
    kept, path = connections.settings["default"], tmp_path / "full.sqlite3"
    options = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    }
    connections["default"].close()
    engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(path), "OPTIONS": options}
    connections.settings["default"] = {**kept, **engine, "CONN_MAX_AGE": None}
    del connections["default"]
    if databases.migrated_sqlite().exists():
        databases.copy(databases.migrated_sqlite(), path)
    try:
        call_command("migrate", verbosity=0)
        yield path
    finally:
        connections["default"].close()
        connections.settings["default"] = kept
        del connections["default"]


def pragma(name):
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {name}")
        return cursor.fetchone()[0]


@contextmanager
def full():
    """Not one page more."""
    pragma(f"max_page_count = {pragma('page_count')}")
    try:
        yield
    finally:
        pragma(f"max_page_count = {PLENTY}")


def wish(title):
    instances = list(factories.ManagedInstance.objects.order_by("pk")[:2])
    return {"title": title, "reason": asks.REASON, "items": [asks.window_item(instances)]}


def test_a_database_without_a_page_left_saves_nothing_by_halves(
    private_sqlite, call_api, browse, figures, settings
):
    tally = figures("F22", "SQLite may take no page more (max_page_count) while requests are drafted")
    tally.database = "SQLite"
    rita = people.person("rita")
    factories.payments()
    for _ in range(2):
        factories.instance(env="dev")
    client, page = call_api(rita), browse(rita)
    client.raise_request_exception = page.raise_request_exception = False
    assert client.post(REQUESTS, wish("Before"), format="json").status_code == 201
    for number in range(matrix.rounds(3, 30)):
        said, refused = set(), None
        with full():
            for attempt in range(300):  # what is left of the last pages first
                title = f"Full {number} {attempt}"
                answer = client.post(REQUESTS, wish(title), format="json")
                if answer.status_code != 201:
                    refused = answer
                    break
                said.add(title)
            read = page.get("/requests/").status_code
        assert refused is not None
        assert refused.status_code == 503, refused.content
        assert "Nothing was saved" in refused.json()["detail"]
        tally.count("answered 503")
        tally.count("drafts saved before", len(said))
        saved = set(
            ChangeRequest.objects.filter(title__startswith=f"Full {number} ").values_list("title", flat=True)
        )
        tally.lost += len(said - saved)
        tally.count("half saved", len(saved - said))
        tally.count("half saved", ChangeRequest.objects.filter(current=None).count())
        assert read in (200, 503)
        assert pragma("integrity_check") == "ok"
        assert client.post(REQUESTS, wish(f"After {number}"), format="json").status_code == 201
        tally.rounds += 1
    tally.tell()
    assert (tally.lost, tally.other["half saved"]) == (0, 0)
    assert audit.verify().holds


def test_a_push_without_room_for_its_word_writes_nothing_in_aws(
    private_sqlite, simulated_aws, figures, settings
):
    tally = figures("F22", "SQLite may take no page more (max_page_count) while a push is under way")
    tally.database = "SQLite"
    settings.PUSH_SETTLE_SECONDS = 0
    settings.PUSH_MAX_DELETE_SHARE = 0.9
    company = load.company(simulated_aws, cells=matrix.rounds(2, 12), places=1)
    (place,) = company.places
    company.begin()
    refused = 0
    for spare in range(matrix.rounds(4, 40)):
        turns.want(place, by_hand=True)
        pragma(f"max_page_count = {pragma('page_count') + spare * 2}")
        try:
            run = push.push(place, trigger="faults")
        except OperationalError:
            refused += 1
        else:
            refused += run is None or run.state != "succeeded"
        pragma(f"max_page_count = {PLENTY}")
        assert pragma("integrity_check") == "ok"
        assert oracle.exposed(simulated_aws) == []
        oracle.pass_the_pauses()
        tally.rounds += 1
    tally.count("pushes without room", refused)
    tally.count("writes in AWS meanwhile", len(simulated_aws.log()))
    oracle.raise_unless_whole(simulated_aws, [place])
    tally.double += len(oracle.doubles(simulated_aws))
    tally.tell()
    assert refused
    assert PushRun.objects.filter(state="running").count() == 0


def form(content: bytes) -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="document"; filename="a.pdf"\r\n'.encode()
    return head + b"Content-Type: application/pdf\r\n\r\n" + content + f"\r\n--{BOUNDARY}--\r\n".encode()


def room_for_files(pids: list[int], size: int) -> None:
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def test_a_document_for_which_there_is_no_room_is_not_there_at_all(
    simulated_aws, install, cast, figures, tmp_path
):
    tally = figures(
        "F22", "the web may write no file above 64 kB (RLIMIT_FSIZE) while documents are uploaded"
    )
    rita = cast["rita"]
    draft = exempt.drafted(rita, exempt.servers(env="dev"))
    installation = install(VAR_DIR=str(tmp_path))
    web = installation.web(workers=1)
    caller, path = Caller(web.port, rita), f"{API}/exemptions/{draft.pk}/documents/"
    folder = Path(installation.env["VAR_DIR"]) / "documents"
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

    def files():
        return [one for one in folder.rglob("*") if one.is_file()] if folder.exists() else []

    for number in range(matrix.rounds(3, 30)):
        content = b"%PDF-1.7 signed" + number.to_bytes(4, "big") * KILOBYTE * 100 + b"\n%%EOF"
        before = Document.objects.count()
        room_for_files(web.workers(), 64 * KILOBYTE)
        refused = caller.call("POST", path, form(content), kind)
        room_for_files(web.workers(), resource.RLIM_INFINITY)
        tally.count(f"answered {refused.status}")
        assert refused.status == 503, processes.tail(web.log)
        assert "Nothing was saved" in refused.json["detail"]
        tally.count("half saved", Document.objects.count() - before)
        tally.count("files left behind", len(files()) - before)
        if number < 5:  # an exemption takes so many
            assert caller.call("POST", path, form(content), kind).status == 201, processes.tail(web.log)
        tally.rounds += 1
    tally.tell()
    assert (tally.other["half saved"], tally.other["files left behind"]) == (0, 0)
    assert oracle.chain() == ""
