"""Settings: one file, every value from the environment, safe when missing.

docs/settings.md and .env.example list each variable; tests compare the three.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def _origin(address: str) -> str:
    """https://login.example.org/realms/x is served from https://login.example.org."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


# What kind of installation this is
DEPLOYMENT = env.str("DEPLOYMENT", default="production")  # production | demo | development
DEMO = env.bool("DEMO", default=False)
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")  # Django refuses to use an empty one
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
BASE_URL = env.str("BASE_URL", default="http://127.0.0.1:8000")
if DEPLOYMENT not in {"production", "demo", "development"}:
    raise ImproperlyConfigured(f'DEPLOYMENT is "{DEPLOYMENT}"; use production, demo or development.')
if DEMO and DEPLOYMENT == "production":
    raise ImproperlyConfigured("The demo lets anybody sign in as anybody; leave DEMO unset in production.")

# Where state lives
VAR_DIR = Path(env.str("VAR_DIR", default=str(BASE_DIR / "var")))
DATABASE_URL = env.str("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'patchwarden.sqlite3'}")
DATABASES = {"default": env.db_url_config(DATABASE_URL)}
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    VAR_DIR.mkdir(parents=True, exist_ok=True)
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        # a deferred transaction that turns into a writer fails at once; an immediate one waits its turn
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = VAR_DIR / "documents"

# Applications, in the order the house stands: roof first
INSTALLED_APPS = [
    *(["portal.demo"] if DEMO else []),
    "portal.dashboards",
    "exemptions",
    "patching",
    "portal.governance",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "template_partials",
    "csp",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "portal.governance.request_ids.middleware",
    "portal.governance.roles.middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.governance.context_processors.shell",
                *(["portal.demo.context_processors.demo"] if DEMO else []),
            ],
        },
    },
]

# Who is who
AUTH_USER_MODEL = "governance.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "portal.governance.accounts.ClosedAccountAdapter"
SOCIALACCOUNT_ADAPTER = "portal.governance.accounts.SingleSignOn"
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*", "password1*", "password2*"]
OIDC_SERVER_URL = env.str("OIDC_SERVER_URL", default="")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
# where the provider asks for the password, if that is another host
OIDC_FORM_ORIGINS = env.list("OIDC_FORM_ORIGINS", default=[])
SOCIALACCOUNT_PROVIDERS = (
    {
        "openid_connect": {
            "APPS": [
                {
                    "provider_id": "sso",
                    "name": "Single sign-on",
                    "client_id": OIDC_CLIENT_ID,
                    "secret": OIDC_CLIENT_SECRET,
                    "settings": {"server_url": OIDC_SERVER_URL},
                }
            ]
        }
    }
    if OIDC_SERVER_URL
    else {}
)
SESSION_COOKIE_AGE = 12 * 60 * 60
DECISION_SIGN_IN_MAX_AGE = env.int("DECISION_SIGN_IN_MAX_AGE", default=60 * 60)  # seconds

# What the browser may do; cookies travel over TLS only unless this is the loopback demo
SECURE_COOKIES = env.bool("SECURE_COOKIES", default=True)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_NAME = "__Host-sessionid" if SECURE_COOKIES else "patchwarden_sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if SECURE_COOKIES else "patchwarden_csrftoken"
CSRF_COOKIE_HTTPONLY = False  # htmx reads it
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=SECURE_COOKIES)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if SECURE_COOKIES else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SECURE_HSTS_SECONDS > 0
SECURE_PROXY_SSL_HEADER = (
    ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_X_FORWARDED_PROTO", default=False) else None
)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        # browsers hold a form to this after a redirect too, and signing in is a form
        "form-action": [SELF, *([_origin(OIDC_SERVER_URL)] if OIDC_SERVER_URL else []), *OIDC_FORM_ORIGINS],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DOCUMENT_MAX_BYTES = env.int("DOCUMENT_MAX_BYTES", default=10 * 1024 * 1024)
DOCUMENTS_TEAM_MAX_BYTES = env.int("DOCUMENTS_TEAM_MAX_BYTES", default=1024 * 1024 * 1024)

# Static files, served by the web process itself
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEPLOYMENT != "production"
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {
        "BACKEND": (
            "whitenoise.storage.CompressedManifestStaticFilesStorage"
            if DEPLOYMENT == "production"
            else "django.contrib.staticfiles.storage.StaticFilesStorage"
        )
    },
}

# Time and language: everything is stored and reckoned in UTC
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-gb"
DISPLAY_TIME_ZONE = env.str("DISPLAY_TIME_ZONE", default="Europe/Berlin")

# Mail leaves through the outbox only
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds; a server that swallows connections must not keep a worker
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="patchwarden@localhost")

# Workers: a message is a nudge that may be lost, doubled or late
REDIS_URL = env.str("REDIS_URL", default="")
CELERY_BROKER_URL = REDIS_URL or "memory://localhost"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {
        "visibility_timeout": 900,
        "unacked_restore_interval": 10,
        "unacked_restore_throttle": 1,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 30,
    }
    if REDIS_URL
    else {"polling_interval": 0.1}
)
CELERY_TIMEZONE = "UTC"
if REDIS_URL:
    # how often somebody tried to sign in, called the API, used a code; without Redis there is one process that counts
    CACHES = {
        "default": {
            "BACKEND": "portal.governance.shared_counters.SharedCounters",
            "LOCATION": REDIS_URL,
            "KEY_PREFIX": "limits",
        }
    }
TICK_SECONDS = env.float("TICK_SECONDS", default=5.0)
DUTIES = {
    "ask the database what is due": ("patching.tick", TICK_SECONDS),
    "tell of windows that open and have run": ("patching.tell_of_windows", 60.0),
    "close exemptions that have ended": ("exemptions.settle", TICK_SECONDS),
    "remind of exemptions that end": ("exemptions.remind", 60.0),
    "look for what changed under exemptions": ("exemptions.review", 300.0),
    "show exemptions where else they show": ("exemptions.mirror", 300.0),
    "send waiting mail": ("governance.deliver_outbox", TICK_SECONDS),
    "forget old idempotency keys": ("governance.prune_idempotency_keys", 600.0),
}
# a message that no worker took in a while is only in the way of the next: the database says what is due
CELERY_BEAT_SCHEDULE = {
    name: {"task": task, "schedule": every, "options": {"expires": max(60.0, 3 * every)}}
    for name, (task, every) in DUTIES.items()
}
CELERY_BEAT_MAX_LOOP_INTERVAL = 1

# Amazon Web Services: boto3 reads AWS_* itself; these are ours
HUB_ROLE_ARN = env.str("HUB_ROLE_ARN", default="")
RESTORE_ROLE_NAME = env.str("RESTORE_ROLE_NAME", default="PatchwardenRestore")
INSTALLATION = env.str("INSTALLATION", default="patchwarden")  # value of the ownership tag
PULL_EVERY_SECONDS = env.int("PULL_EVERY_SECONDS", default=900)
CATALOGUE_EVERY_SECONDS = env.int("CATALOGUE_EVERY_SECONDS", default=86400)
# whether baselines may approve patches of Microsoft applications beside those of the operating system
ALLOW_APPLICATION_PATCHES = env.bool("ALLOW_APPLICATION_PATCHES", default=False)
# what a problem after patching does to later environments of the application: off, report or hold
FAILURE_HOLDS = env.str("FAILURE_HOLDS", default="hold")
# lines that owners tick before a run, separated by |
RUN_CHECKLIST = [
    line.strip()
    for line in env.str(
        "RUN_CHECKLIST",
        default="Users know|Backups are fresh|Somebody can be reached|How to go back is known",
    ).split("|")
    if line.strip()
]
# minutes that one instance takes in a task of each kind, until enough runs were measured
TASK_MINUTES = {"pre": 10.0, "install": 30.0, "scan": 5.0, "post": 10.0, "hook": 5.0} | {
    kind: float(minutes) for kind, minutes in env.dict("TASK_MINUTES", default={}).items()
}
# days after its release within which a patch has to be on, by severity
PATCH_WITHIN_DAYS = {"critical": 14, "important": 30, "moderate": 90, "low": 90, "other": 90} | {
    severity: int(days) for severity, days in env.dict("PATCH_WITHIN_DAYS", default={}).items()
}
PUSH_MAX_DELETE_SHARE = env.float("PUSH_MAX_DELETE_SHARE", default=0.3)
PUSH_SETTLE_SECONDS = env.int("PUSH_SETTLE_SECONDS", default=60)
# calls a second to each account-region, all workers together; 0 is without limit
AWS_READS_PER_SECOND = env.float("AWS_READS_PER_SECOND", default=5.0)
AWS_WRITES_PER_SECOND = env.float("AWS_WRITES_PER_SECOND", default=2.0)
PUSH_LEASE_SECONDS = env.float("PUSH_LEASE_SECONDS", default=240)
DAILY_SCAN_SCHEDULE = env.str("DAILY_SCAN_SCHEDULE", default="cron(0 3 ? * * *)")
EXEMPTION_EXPOSURE_TAG = env.str("EXEMPTION_EXPOSURE_TAG", default="Exposure")
EXEMPTION_LONGEST_DAYS = env.int("EXEMPTION_LONGEST_DAYS", default=90)

# Where else exemptions show; all off unless asked for
MIRROR_SECURITY_HUB = env.bool("MIRROR_SECURITY_HUB", default=False)
MIRROR_COMPLIANCE_ITEMS = env.bool("MIRROR_COMPLIANCE_ITEMS", default=False)
MIRROR_REGISTER_BUCKET = env.str("MIRROR_REGISTER_BUCKET", default="")
MIRROR_REGISTER_PREFIX = env.str("MIRROR_REGISTER_PREFIX", default="patchwarden")
REGISTER_SIGNING_KEY = env.str("REGISTER_SIGNING_KEY", default="", multiline=True)  # PEM, or a file with it

# The REST API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "portal.governance.api_auth.BearerAuthentication",
        "portal.governance.api_auth.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "portal.governance.api_auth.HasScope",
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["portal.governance.parsers.StrictJSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "portal.governance.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,  # the OpenAPI document says it better than OPTIONS
    "DEFAULT_THROTTLE_CLASSES": ["portal.governance.api_throttling.PerCaller"],
    "DEFAULT_THROTTLE_RATES": {"user": "1000/min"},
    "EXCEPTION_HANDLER": "portal.governance.api_errors.api_exception_handler",
    "PAGE_SIZE": 50,
}
KNOX_TOKEN_MODEL = "governance.ApiToken"  # noqa: S105 - the name of a model
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_MODEL": "governance.ApiToken",
    "AUTO_REFRESH": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Patchwarden",
    "DESCRIPTION": "Decide what gets patched on AWS, when, by whose word, and prove it.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "ChangeRequestState": "patching.api.change_requests.STATES",
        "ExemptionState": "exemptions.api.exemptions.STATES",
        "ExemptionKind": "exemptions.models.Exemption.Kind",
        "ControlKind": "exemptions.api.asks.CONTROL_KINDS",
        "PushRunState": "patching.models.PushRun.State",
        "FailureState": "patching.models.FailureRecord.State",
        "OperationState": "patching.models.Operation.State",
        "FindingLevel": "patching.api.finding_parts.LEVELS",
        "DriftPolicy": "patching.models.AccountRegion.DriftPolicy",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "patching.api.item_schema.add_components",
        "portal.governance.api_schema.tell_errors",
    ],
}

# Who may read /metrics beside those who read everything: a Prometheus that sends this as its bearer token
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")

# Logs: one line an event
LOG_FORMAT = env.str("LOG_FORMAT", default="json" if DEPLOYMENT == "production" else "line")
if LOG_FORMAT not in {"json", "line"}:
    raise ImproperlyConfigured(f'LOG_FORMAT is "{LOG_FORMAT}"; use json or line.')
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "structured": {
            "()": "portal.governance.logs.formatter",
            "how": LOG_FORMAT,
            "secrets": [
                SECRET_KEY,
                METRICS_TOKEN,
                OIDC_CLIENT_SECRET,
                REGISTER_SIGNING_KEY,
                str(DATABASES["default"].get("PASSWORD", "")),
                str(EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD") or ""),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        # at DEBUG they would tell of requests, credentials and the parameters of queries
        **{
            name: {"level": "WARNING"}
            for name in ("botocore", "boto3", "urllib3", "amqp", "django.db.backends")
        },
        # which brings a handler of its own
        "gunicorn.error": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}

# Callables that the page frame asks: (user) -> counts by section, and () -> a sentence when the tick is silent
SHELL_COUNTS = ["patching.shell.counts", "exemptions.shell.counts"]
SHELL_HEARTBEAT = "patching.shell.silence"
