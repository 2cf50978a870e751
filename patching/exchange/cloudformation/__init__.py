"""AWS CloudFormation templates: baselines, patch groups, and windows with their targets and tasks. Pure."""

from patching.exchange.cloudformation.reading import read
from patching.exchange.cloudformation.writing import write

__all__ = ["read", "write"]
