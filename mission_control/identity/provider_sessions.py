"""Who is signed in at the provider in this browser: a signed cookie with an id and a time, nothing more."""

from __future__ import annotations

from flask import session

from mission_control.identity.provider_codes import Clock
from mission_control.identity.provider_oauth import SignedIn
from mission_control.identity.provider_users import User, Users

SESSION_SECONDS = 12 * 3600


class Sessions:
    """The sign-in that the browser of the current request remembers, for 12 hours."""

    def __init__(self, users: Users, clock: Clock) -> None:
        self._users = users
        self._clock = clock

    def current(self, *, max_age: int | None) -> SignedIn | None:
        """The person signed in, if their password was given no more than `max_age` seconds ago; None: any time."""
        subject, auth_time = session.get("subject"), session.get("auth_time")
        if not isinstance(subject, str) or not isinstance(auth_time, int):
            return None
        user = self._users.find(subject)
        age = self._clock() - auth_time
        if user is None or age >= SESSION_SECONDS or (max_age is not None and age >= max_age):
            return None
        return SignedIn(user, auth_time)

    def begin(self, user: User) -> SignedIn:
        """Remember that `user` has just given their password; whatever was remembered before is forgotten."""
        session.clear()
        session.permanent = True
        signed_in = SignedIn(user, int(self._clock()))
        session["subject"], session["auth_time"] = user.subject, signed_in.auth_time
        return signed_in

    def end(self) -> None:
        """Forget it."""
        session.clear()
