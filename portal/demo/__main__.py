"""``python -m portal.demo``: set the environment of a demo, whatever the caller's, then run a manage.py command.

Without a command it starts the demo. ``python -m portal.demo verify_audit`` asks the demo's own database.
"""

import sys

from django.core.management import execute_from_command_line

from portal.demo import environment


def main() -> None:
    arguments = sys.argv[1:]
    if not arguments or arguments[0].startswith("-"):
        arguments = ["demo", *arguments]
    environment.set_up()
    execute_from_command_line(["manage.py", *arguments])


if __name__ == "__main__":
    main()
