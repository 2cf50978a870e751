"""The other half of the wire: a simulated AWS for the demo and the tests. Nothing we ship imports it."""
