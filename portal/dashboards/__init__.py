"""The roof: it reads everything below and decides nothing."""
