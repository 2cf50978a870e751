"""EC2 as the simulated AWS answers it: the fleet's instances, their volumes, snapshots and tags. All else is moto's."""
