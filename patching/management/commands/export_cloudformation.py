"""What is in effect as a CloudFormation template: `manage.py export_cloudformation ACCOUNT/REGION`."""

from patching.management.exchanging import ExportCommand


class Command(ExportCommand):
    help = "Write the baselines, patch groups and windows of an account-region as a CloudFormation template."
    file_format = "cloudformation"
