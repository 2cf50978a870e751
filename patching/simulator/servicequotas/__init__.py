"""Service Quotas as the simulated AWS answers it: how much of Systems Manager an account may have."""
