"""How often somebody tried, counted by all processes of the web together: the cache of limits and of used codes.

The counters stand in Redis. One that is silent or slow holds nobody up: each process goes on with its own copy.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

PATIENCE = 0.05  # seconds for one answer; a page asks a few times
LEFT_ALONE = 30.0  # seconds after an answer that did not come
SILENT = object()

logger = logging.getLogger(__name__)


class Json:
    """What is counted are moments and marks; unlike a pickle, none can do anything to who reads it."""

    dumps = staticmethod(json.dumps)
    loads = staticmethod(json.loads)


class Silence:
    """Until when nobody asks Redis; one for the process, whose threads have a cache each."""

    until = 0.0

    def is_on(self) -> bool:
        return time.monotonic() < self.until

    def begin(self, problem: Exception) -> None:
        self.until = time.monotonic() + LEFT_ALONE
        logger.warning("Limits are counted by each process for %.0f s: %s", LEFT_ALONE, problem)


silence = Silence()


class SharedCounters(BaseCache):
    """Redis, with what this process knows of it in memory for the time in which it is silent."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        answers = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE}
        options = {**answers, "retry": Retry(NoBackoff(), 0), "serializer": Json}
        self._shared = RedisCache(server, {**params, "OPTIONS": options})
        self._own = LocMemCache("shared-counters", params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        found = self._ask(lambda: self._shared.get(key, default, version))
        return self._own.get(key, default, version) if found is SILENT else found

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        is_new = self._ask(lambda: self._shared.add(key, value, timeout, version))
        if is_new is SILENT:
            return bool(self._own.add(key, value, timeout, version))
        if is_new:
            self._own.set(key, value, timeout, version)
        return bool(is_new)

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        self._own.set(key, value, timeout, version)
        self._ask(lambda: self._shared.set(key, value, timeout, version))

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        is_there = self._own.touch(key, timeout, version)
        answer = self._ask(lambda: self._shared.touch(key, timeout, version))
        return bool(is_there if answer is SILENT else answer)

    def delete(self, key: Any, version: int | None = None) -> bool:
        was_there = self._own.delete(key, version)
        answer = self._ask(lambda: self._shared.delete(key, version))
        return bool(was_there if answer is SILENT else answer)

    def clear(self) -> None:
        """This process's own copy alone: the Redis is the workers' too."""
        self._own.clear()

    def _ask(self, question: Callable[[], Any]) -> Any:
        if silence.is_on():
            return SILENT
        try:
            return question()
        except (RedisError, OSError) as problem:
            silence.begin(problem)
            return SILENT
