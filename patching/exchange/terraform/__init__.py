"""Terraform's ``aws_ssm_*`` resources, in its own language or as the JSON of a plan or state. Pure."""

from patching.exchange.terraform.reading import read
from patching.exchange.terraform.writing import write

__all__ = ["read", "write"]
