"""How often a password may be tried."""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

FREE_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 900
FORGOTTEN_AFTER_SECONDS = 3600
BUCKETS = 4096


@dataclass
class _Bucket:
    failures: int = 0
    last: float = 0.0
    paused_until: float = 0.0


class SignInAttempts:
    """Counts wrong passwords per e-mail, known or not, and asks for growing pauses.

    Five wrong ones are free; then each further one needs a pause: 30 s, 60 s, ... up to 15 minutes. A right one or an
    hour without any clears the count. E-mails share a fixed number of buckets, so trying many of them can neither fill
    the memory nor push an old count out. Counts are lost when the process ends.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets = [_Bucket() for _ in range(BUCKETS)]
        self._pepper = secrets.token_bytes(16)

    def begin(self, email: str) -> int:
        """Seconds to wait before a password of this e-mail is looked at; 0: look at it now.

        An attempt that may go on counts as failed until `succeeded` is called, so that attempts made at the same time
        don't slip through together.
        """
        with self._lock:
            bucket = self._bucket(email)
            now = self._clock()
            wait = bucket.paused_until - now
            if 0 < wait <= LONGEST_PAUSE_SECONDS:
                return math.ceil(wait)
            if now - bucket.last > FORGOTTEN_AFTER_SECONDS:
                bucket.failures = 0
            bucket.failures += 1
            bucket.last = now
            if bucket.failures >= FREE_ATTEMPTS:
                doubled = FIRST_PAUSE_SECONDS * 2 ** min(bucket.failures - FREE_ATTEMPTS, 10)
                bucket.paused_until = now + min(doubled, LONGEST_PAUSE_SECONDS)
            return 0

    def succeeded(self, email: str) -> None:
        """Forget the failures of this e-mail."""
        with self._lock:
            bucket = self._bucket(email)
            bucket.failures, bucket.paused_until = 0, 0.0

    def _bucket(self, email: str) -> _Bucket:
        digest = hmac.digest(self._pepper, email.strip().casefold().encode(), hashlib.sha256)
        return self._buckets[int.from_bytes(digest[:4], "big") % BUCKETS]
