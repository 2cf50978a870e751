"""Inspector as the simulated AWS answers it: what missing patches leave open. All else is moto's."""
