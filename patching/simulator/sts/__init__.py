"""STS as the simulated AWS answers it: roles with external ids, and who is calling."""
