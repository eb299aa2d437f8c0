"""Answers that need not be paid for twice: an exact cache in front of a router, with one upstream call for equal requests at once."""

from routerkit.cache.answers import AnswerCache, CacheSettings
from routerkit.cache.caching_router import CachingRouter

__all__ = ["AnswerCache", "CacheSettings", "CachingRouter"]
