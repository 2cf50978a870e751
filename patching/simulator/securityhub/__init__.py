"""Security Hub as the simulated AWS answers it: findings on patch compliance. All else is moto's."""
