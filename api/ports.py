"""What the control plane needs from outside, in its own words.

Each Protocol has one implementation per cloud. What they all promise:

- `ensure_*` first looks the thing up by its tag and makes it only when it isn't there, so it may be called again after
  a crash or an unknown outcome. It returns what is there now, which may still be on its way to ready.
- `ensure_*_absent` may be called again too, also for what never was. It says whether anything is left.
- They raise only the exceptions below. `OutcomeUnknown` is never a failure: the effect may have happened.
- No call waits for a cloud to finish; callers look again later.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from pydantic import SecretStr

from api.domain.keys import Access


class ProviderError(Exception):
    """The outside didn't do what it was asked."""


class NotFound(ProviderError):
    """The thing isn't there."""


class Busy(ProviderError):
    """Not now: throttled, locked or still in use. Try again later."""


class NoCapacity(ProviderError):
    """The outside has no room for it: no machine, no port, no space, no quota. May pass."""


class Denied(ProviderError):
    """Refused for good: missing rights or an impossible wish. Trying again doesn't help."""


class OutcomeUnknown(ProviderError):
    """Asked, but no answer came: it may or may not have happened. Look it up by its tag."""


@dataclass(frozen=True)
class Tag:
    """What every resource outside carries, so that rows and resources can be compared both ways."""

    resource_id: UUID  # the row's id; the resource is looked up by it
    environment_id: UUID
    team_id: UUID


class Presence(StrEnum):
    """How much is left of what should be absent."""

    GONE = "gone"
    GOING = "going"


class InstanceState(StrEnum):
    """How an instance is."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    CRASHING = "crashing"  # ends again and again


@dataclass(frozen=True)
class Volume:
    """A disk of an environment."""

    tag: Tag
    ready: bool  # may be given to an instance


@dataclass(frozen=True)
class InstanceWanted:
    """Everything an instance is started with."""

    tag: Tag
    volume: Tag
    port: int | None  # where to listen; None lets the provider choose


@dataclass(frozen=True)
class Instance:
    """What serves an environment."""

    tag: Tag
    state: InstanceState
    address: str | None  # base URL at which the control plane reaches its agent; None until known


@dataclass(frozen=True)
class Snapshot:
    """A copy of a volume at one moment."""

    tag: Tag
    volume_id: UUID
    completed: bool  # a volume can be made from it


@dataclass(frozen=True)
class PresignedUpload:
    """Leave to put one file for a while; put again meanwhile, it takes the place of the first."""

    upload_id: UUID
    url: str
    method: str
    expires_at: datetime
    max_size_bytes: int


@dataclass(frozen=True)
class AgentHealth:
    """What a database says of itself."""

    version: str


class Clock(Protocol):
    """The time; tests move it by hand."""

    def now(self) -> datetime:
        """This moment, in UTC."""
        ...


class Volumes(Protocol):
    """Disks (EBS volumes; directories)."""

    def ensure_volume(self, tag: Tag, *, from_snapshot: Tag | None = None) -> Volume:
        """Have the volume, empty or with a snapshot's content."""
        ...

    def ensure_volume_absent(self, tag: Tag) -> Presence:
        """Remove the volume and every byte on it. Raises Busy while an instance uses it."""
        ...

    def list_volumes(self) -> Collection[UUID]:
        """The resource ids of all volumes that exist, for comparing with the rows."""
        ...


class Snapshots(Protocol):
    """Copies of volumes (EBS snapshots; copied directories)."""

    def ensure_snapshot(self, tag: Tag, volume: Tag) -> Snapshot:
        """Have the snapshot. When this returns, the cut is taken and the volume may be written again."""
        ...

    def ensure_snapshot_absent(self, tag: Tag) -> Presence:
        """Remove the snapshot."""
        ...

    def list_snapshots(self) -> Collection[UUID]:
        """The resource ids of all snapshots that exist."""
        ...


class Compute(Protocol):
    """What runs databases (EC2 instances; supervised processes)."""

    def ensure_instance(self, wanted: InstanceWanted) -> Instance:
        """Have the instance started, and kept running, on its volume."""
        ...

    def find_instance(self, tag: Tag) -> Instance:
        """The instance as it is now. Raises NotFound."""
        ...

    def ensure_instance_absent(self, tag: Tag) -> Presence:
        """Stop the instance and remove it. Only GONE means that nothing of it runs any more."""
        ...

    def list_instances(self) -> Collection[UUID]:
        """The resource ids of all instances that exist."""
        ...


class ObjectStore(Protocol):
    """Where uploads wait to be read (a prefix of a bucket; a directory)."""

    def ensure_prefix(self, environment_id: UUID) -> None:
        """Have a place for this environment's uploads that only its instance may read."""
        ...

    def ensure_prefix_absent(self, environment_id: UUID) -> Presence:
        """Remove the place and all uploads in it."""
        ...

    def presign_upload(self, environment_id: UUID) -> PresignedUpload:
        """Leave to put one file under a new random name of this environment's prefix."""
        ...

    def remove_expired(self) -> int:
        """Remove uploads older than they may get; returns how many. Does nothing where the store does so itself."""
        ...


class KeyStore(Protocol):
    """Where API keys live; the control plane stores none."""

    def ensure_keys(self, environment_id: UUID, generation: int) -> None:
        """Have a read-only and a read-write key."""
        ...

    def reveal_key(self, environment_id: UUID, generation: int, access: Access) -> SecretStr:
        """The key itself, for somebody who may see it."""
        ...

    def check_key(self, environment_id: UUID, generation: int, presented: SecretStr) -> Access | None:
        """What the presented text may do here; None when it is no key of this environment. Takes constant time."""
        ...

    def ensure_keys_absent(self, environment_id: UUID) -> Presence:
        """Have no key left in the store."""
        ...


class Edge(Protocol):
    """What leads clients to an environment (load balancer rule; the agent's own port)."""

    def choose_port(self, taken: Collection[int]) -> int | None:
        """A port that nobody has or listens on; None where environments don't need one. Raises NoCapacity."""
        ...

    def ensure_route(self, environment_id: UUID, port: int | None) -> str:
        """Have the route open; returns the URL clients use, the same for the environment's whole life."""
        ...

    def ensure_route_absent(self, environment_id: UUID) -> Presence:
        """Close the route."""
        ...


class Agent(Protocol):
    """The database's own HTTP interface."""

    def health(self, address: str) -> AgentHealth | None:
        """What the agent at this base URL says of itself; None when it doesn't answer well."""
        ...


@dataclass(frozen=True)
class Ports:
    """Everything outside, chosen once at start."""

    compute: Compute
    volumes: Volumes
    object_store: ObjectStore
    keys: KeyStore
    edge: Edge
    agent: Agent
    clock: Clock
