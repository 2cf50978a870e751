"""The environment of a demo: every value set here, so that nothing of the caller's reaches it, least of all real AWS.

Read before Django's settings are, so it knows no Django.
"""

import os
import secrets
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent.parent
STATE = Path(os.environ.get("VAR_DIR") or BASE_DIR / "var") / "demo"
LOOPBACK = "127.0.0.1"
HUB_ACCOUNT = "111111111111"
FOREVER = 10 * 365 * 24 * 60 * 60


def set_up() -> None:
    """Replace every variable that the portal or boto3 reads."""
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO_"))]:
        del os.environ[name]
    STATE.mkdir(parents=True, exist_ok=True)
    os.environ.update(_values())


def port() -> int:
    return int(os.environ.get("DEMO_PORT") or 8000)


def aws_port() -> int:
    return int(os.environ.get("DEMO_AWS_PORT") or 8001)


def _values() -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DEPLOYMENT": "demo",
        "DEMO": "true",
        "DEBUG": "false",
        "SECRET_KEY": _secret_key(),
        "SECURE_COOKIES": "false",
        "SECURE_SSL_REDIRECT": "false",
        "SECURE_HSTS_SECONDS": "0",
        "ALLOWED_HOSTS": f"{LOOPBACK},localhost",
        "BASE_URL": f"http://{LOOPBACK}:{port()}",
        "VAR_DIR": str(STATE),
        "DATABASE_URL": f"sqlite:///{STATE / 'patchwarden.sqlite3'}",
        "REDIS_URL": "",
        "EMAIL_URL": "dummymail://",
        "OIDC_SERVER_URL": "",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL") or "WARNING",
        # the tokens of the cast decide for as long as the demo is kept
        "DECISION_SIGN_IN_MAX_AGE": str(FOREVER),
        # nobody else asks this AWS
        "AWS_READS_PER_SECOND": "0",
        "AWS_WRITES_PER_SECOND": "0",
        "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{aws_port()}",
        "AWS_ACCESS_KEY_ID": HUB_ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "simulated",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _secret_key() -> str:
    """Made once and kept, so that sessions outlive a restart; for its owner's eyes only."""
    path = STATE / "secret_key"
    if not path.exists():
        with open(path, "x", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(60))
    return path.read_text()
