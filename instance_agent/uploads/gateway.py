"""Where uploaded files arrive: the port, and its adapter for an agent with a control plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import UUID

from instance_agent.errors import AgentError

FILE_SECONDS = 7 * 86_400
"""How long a file, and what is known of it, is kept after it was last touched."""


@dataclass(frozen=True)
class PreparedUpload:
    """Where a client may PUT one file."""

    id: UUID
    url: str = field(repr=False)  # whoever knows it may put a file there
    expires_at: datetime  # the URL's end, UTC


class UploadGateway(Protocol):
    """Places for files, and the files that arrived there."""

    def prepare(self, base_url: str) -> PreparedUpload:
        """A new place for one file. base_url: how the client reaches this agent, for those that point at themselves.

        Raises AgentError uploads_unavailable.
        """

    def open(self, upload_id: UUID) -> BinaryIO:
        """The file as it arrived, with a descriptor that another process can be handed.

        Raises AgentError upload_missing when none did.
        """


class Signer(Protocol):
    """Whoever makes upload URLs for us."""

    def prepare_upload(self) -> PreparedUpload:
        """Raises AgentError uploads_unavailable."""


class DirectedUploads:
    """The control plane signs URLs, and files arrive in a folder that this agent may read."""

    def __init__(self, signer: Signer, folder: Path) -> None:
        self._signer = signer
        self._folder = folder

    def prepare(self, base_url: str) -> PreparedUpload:  # noqa: ARG002 - the control plane knows the address
        return self._signer.prepare_upload()

    def open(self, upload_id: UUID) -> BinaryIO:
        return open_arrived(self._folder / str(upload_id))


def open_arrived(path: Path) -> BinaryIO:
    """The file at `path`. Raises AgentError upload_missing when there is none."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise AgentError("upload_missing") from None


def remove_if_older(path: Path, than: float) -> None:
    """Remove a file that was last written before `than` (unix seconds); one that is gone already is fine."""
    try:
        if path.stat().st_mtime < than:
            path.unlink()
    except FileNotFoundError:
        return  # another process sweeps, too
