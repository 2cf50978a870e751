"""Settings of the test suite: the real ones with fast hashing."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("SECRET_KEY", "tests-only-not-a-secret-0123456789-0123456789-0123456789")
os.environ.setdefault("DEPLOYMENT", "development")
os.environ.setdefault("ALLOWED_HOSTS", "testserver,127.0.0.1,localhost")
os.environ.setdefault("SECURE_COOKIES", "false")
os.environ.setdefault("EMAIL_URL", "memorymail://")
os.environ.setdefault("DEMO", "true")
os.environ.setdefault("AWS_READS_PER_SECOND", "0")  # no test waits for its turn
os.environ.setdefault("AWS_WRITES_PER_SECOND", "0")
os.environ.setdefault(
    "AWS_ENDPOINT_URL", "http://127.0.0.1:9"
)  # nobody; a test that forgets the simulator fails
os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")  # no credentials of the machine's own either

from portal.settings import *  # noqa: E402, F403

WHITENOISE_AUTOREFRESH = (
    True  # look for a file when it is asked for; each test client would read them all first
)
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}  # tests at once share no person
if REDIS_URL:  # noqa: F405
    # runs and their workers share one Redis; none may take the other's messages
    CELERY_BROKER_TRANSPORT_OPTIONS |= {"global_keyprefix": f"patchwarden-tests-{os.getpid()}:"}  # noqa: F405
MEDIA_ROOT = Path(tempfile.mkdtemp(prefix="patchwarden-tests-"))
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":  # noqa: F405
    # a file, not memory: threads that share an in-memory database trip over table locks
    DATABASES["default"]["TEST"] = {  # noqa: F405
        "NAME": os.environ.get("PW_TEST_DB", str(MEDIA_ROOT / "test.sqlite3"))
    }
else:
    # what a test committed need not outlive a power cut
    DATABASES["default"]["OPTIONS"] = {"options": "-c synchronous_commit=off"}  # noqa: F405
