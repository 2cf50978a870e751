"""What a CloudFormation template describes, as a request: `manage.py import_cloudformation template.yaml`."""

from patching.management.exchanging import ImportCommand


class Command(ImportCommand):
    help = (
        "Read baselines, patch groups and windows from a CloudFormation template. What cannot be taken ends with "
        "status 1 and its reason; --into, --application, --environment, --as and --draft open a request."
    )
    file_format = "cloudformation"
