from tests.simulated_aws import simulated_aws, simulated_aws_server

__all__ = ["simulated_aws", "simulated_aws_server"]
