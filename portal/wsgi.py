"""The WSGI door: gunicorn in production, the demo's own server otherwise."""

import os

from django.core.wsgi import get_wsgi_application

from portal.governance.whole_bodies import whole_bodies

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

application = whole_bodies(get_wsgi_application())
