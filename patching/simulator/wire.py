"""From moto's parsed HTTP request to the simulation and back, for every protocol that AWS speaks."""

import json
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

from patching.simulator import faults
from patching.simulator.corner import NotOursError
from patching.simulator.errors import Fault
from patching.simulator.exact import ExactResult
from patching.simulator.simulation import Call, Simulation

if TYPE_CHECKING:
    Base = BaseResponse
else:
    Base = object

# The keys under which the server hands the simulation and the caller to a request.
SIMULATION = "patchwarden.simulation"
CALLER = "patchwarden.caller"
# Other than 400.
STATUSES = {"AccessDenied": 403, "UnauthorizedOperation": 403, "ExpiredToken": 403}
STATUSES |= {"RequestLimitExceeded": 503, "InternalServerError": 500, "ServiceUnavailable": 503}


class Answering(Base):
    """Goes before a moto response class: answers what we simulate, leaves the rest to moto."""

    def call_action(self) -> Any:
        """Calls are answered one at a time: the world is one object."""
        simulation: Simulation = self.normalized_request.environ[SIMULATION]
        call = Call(str(self.service_name), self._get_action() or "", self.current_account, self.region)
        faults.dawdle(simulation, call)
        with simulation.lock:
            reply = self._reply(simulation, call)
        faults.dawdle(simulation, call, "slow-reply")
        return reply

    def _reply(self, simulation: Simulation, call: Call) -> Any:
        simulation.calls[f"{call.service}:{call.operation}"] += 1
        try:
            faults.strike(simulation, call, self.normalized_request.environ[CALLER])
            reply = self._answered(simulation, call)
        except ServiceException as fault:
            return self._refusal(fault)
        if faults.loses_the_reply(simulation, call):
            raise faults.ConnectionCutError
        return reply

    def _answered(self, simulation: Simulation, call: Call) -> Any:
        caller = self.normalized_request.environ[CALLER]
        if isinstance(caller, Fault):
            raise caller
        if not simulation.handles(call.service, call.operation):
            return self._left_to_moto(simulation, call)
        self.parse_parameters(self.normalized_request)
        try:
            reply = simulation.perform(call, dict(self.params), caller)
            return self._with_request_id(self.serialized(ExactResult(reply)))
        except NotOursError:
            return self._left_to_moto(simulation, call)

    def _left_to_moto(self, simulation: Simulation, call: Call) -> Any:
        reply = super().call_action()
        if call.mutates and int(reply[0]) < 300:
            self.parse_parameters(self.normalized_request)
            simulation.note(call, dict(self.params))
            simulation.save()
        return reply

    def _refusal(self, fault: ServiceException) -> Any:
        if fault.code in _modelled_codes(str(self.service_name)):
            return self._with_request_id(self.serialized(ActionResult(fault)))
        return self._with_request_id(_plain_refusal(self.normalized_request, fault))

    def _with_request_id(self, reply: Any) -> Any:
        status, headers, body = reply
        return status, *self._enrich_response(headers, body)


@cache
def _modelled_codes(service: str) -> frozenset[str]:
    return frozenset(shape.error_code for shape in get_service_model(service).error_shapes)


def _plain_refusal(request: Any, fault: ServiceException) -> Any:
    """An error that the service models leave out, such as AccessDenied, in the protocol of the request."""
    status = STATUSES.get(fault.code, 400)
    if str(request.content_type).startswith("application/x-www-form-urlencoded"):
        error = f"<Code>{fault.code}</Code><Message>{escape(fault.message)}</Message>"
        query = f"<ErrorResponse><Error>{error}</Error><RequestId></RequestId></ErrorResponse>"
        ec2 = f"<Response><Errors><Error>{error}</Error></Errors><RequestID></RequestID></Response>"
        body = ec2 if b"Version=2016-11-15" in request.get_data() else query
        return status, {"Content-Type": "text/xml"}, body
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": fault.code}
    return status, headers, json.dumps({"__type": fault.code, "message": fault.message})
