"""EventBridge Scheduler as the simulated AWS answers it: schedules that fire on the virtual clock."""
