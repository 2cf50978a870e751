"""EC2 as the simulated AWS answers it: the fleet's instances and their tags. All else is moto's."""
