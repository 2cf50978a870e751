"""SSM as the simulated AWS answers it: one mixin class per kind of thing, joined in `models.SimBackend`.

Every operation is one method named in snake_case, `describe_maintenance_windows(self, request)`. It takes the
request as AWS's own dictionary, already checked against the service model, and returns the reply as one. It
refuses with `errors.Fault(code, message)`. It finds the world in `self.world`, its own corner of it in
`self.state` (a `state.Region`), its place in `self.account_id` and `self.region_name`, and pages with
`self.paged(rows, request.get("MaxResults"), request.get("NextToken"))`.
"""
