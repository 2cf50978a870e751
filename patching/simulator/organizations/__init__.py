"""AWS Organizations as the simulated AWS answers it: the company's accounts under one root. All else is moto's."""
