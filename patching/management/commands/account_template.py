"""Write the CloudFormation template of an account's two roles: `manage.py account_template 211125483017`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from patching import onboarding
from patching.management.answering import cannot_run
from patching.models import AwsAccount


class Command(BaseCommand):
    help = "Print one CloudFormation template with both roles of a connected account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("account", metavar="ACCOUNT_ID", help="12 digits, connected already")
        parser.add_argument("--json", action="store_true", help="as JSON, not as YAML")

    def handle(self, *args: Any, **options: Any) -> None:
        account = AwsAccount.objects.filter(account_id=options["account"]).first()
        if account is None:
            known = ", ".join(AwsAccount.objects.values_list("account_id", flat=True)) or "none"
            raise cannot_run(f"Account {options['account']} is not connected. Known are: {known}.")
        text = onboarding.template(account, "json" if options["json"] else "yaml")
        if not text:
            raise cannot_run("Set HUB_ROLE_ARN first: a template without it would trust nobody.")
        self.stdout.write(text, ending="")
