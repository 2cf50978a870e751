"""What the fault tests stand on: real processes that may be killed, a proxy that breaks connections, the oracle."""
