"""What can keep the one-machine edition from starting, each with a sentence that says what to do."""


class CannotStart(Exception):
    """`vakka up` can't go on. The message is shown to the user as it is: what happened, and what to do."""


class PortTaken(CannotStart):
    """Another program listens on a port that is needed here."""

    def __init__(self, *, what: str, port: int, flag: str) -> None:
        super().__init__(
            f"Port {port}, wanted for {what}, is taken by another program. "
            f"Stop that program, or choose another port with {flag} PORT."
        )


class AlreadyRunning(CannotStart):
    """Another `vakka up` holds the same data directory."""


class StopRequested(Exception):
    """Somebody pressed Ctrl-C, closed the terminal or sent SIGTERM."""
