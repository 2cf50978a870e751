"""What is said to who does not get as far as a view: the API's callers get its JSON, visitors a page."""

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults

from portal import unavailable
from portal.governance.api_errors import NOT_READABLE, TOO_LARGE, too_large

NOT_FOUND = "Not found."
FORBIDDEN = "You do not have permission to perform this action."


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A body that is too large, too many parameters, a host name that is not ours."""
    if unavailable.is_passing(exception):
        return unavailable.unavailable(request)
    if not is_for_the_api(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        return _refusal(413, TOO_LARGE, too_large())
    return _refusal(400, "bad_request", NOT_READABLE)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not is_for_the_api(request):
        return defaults.permission_denied(request, exception)
    return _refusal(403, "permission_denied", FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An address that nobody answers, in the words of a row that is not there."""
    if not is_for_the_api(request):
        return defaults.page_not_found(request, exception)
    return _refusal(404, "not_found", NOT_FOUND)


def is_for_the_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _refusal(status: int, code: str, detail: str) -> JsonResponse:
    return JsonResponse({"code": code, "detail": detail, "errors": []}, status=status)
