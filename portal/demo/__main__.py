"""``python -m portal.demo``: set the environment of a demo, whatever the caller's, then run a manage.py command.

Without a command it starts the demo. ``python -m portal.demo verify_audit`` asks the demo's own database.
"""

import sys
import warnings

from django.core.management import execute_from_command_line

from portal.demo import environment

# of no use to a visitor: the demo finds its files without collectstatic, and celery minds a root user
WARNINGS = ("No directory at", "You're running the worker with superuser privileges")


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("-"):
        arguments = ["demo", *arguments]
    for message in WARNINGS:
        warnings.filterwarnings("ignore", message)
    environment.set_up()
    execute_from_command_line(["manage.py", *arguments])


if __name__ == "__main__":
    main()
