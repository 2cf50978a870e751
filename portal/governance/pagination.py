"""How lists come in pages: ``{"next", "previous", "results"}``, stable while rows are added."""

from rest_framework.pagination import CursorPagination


class Pages(CursorPagination):
    """Newest first by id; ``page_size`` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200
    ordering = "-pk"
