"""Which adapters serve: the one place that chooses."""

from __future__ import annotations

from functools import partial

from api.adapters.clock import SystemClock
from api.adapters.derivation import agent_secret
from api.adapters.embedded.agent_ports import AgentPorts
from api.adapters.embedded.derived_keys import DerivedKeys
from api.adapters.embedded.directories import DirectoryVolumes
from api.adapters.embedded.layout import Layout
from api.adapters.embedded.processes import SupervisedProcesses
from api.adapters.embedded.upload_store import FileUploads, PresignedUploads
from api.adapters.embedded.upload_urls import UrlSigner
from api.adapters.http_agent import HttpAgent
from api.ports import Clock, Ports
from api.settings import Settings


def embedded_ports(settings: Settings, clock: Clock | None = None) -> Ports:
    """The ports of the one-machine edition."""
    layout = Layout(settings.data_dir)
    clock = clock or SystemClock()
    return Ports(
        compute=SupervisedProcesses(layout, partial(agent_secret, settings.master_secret), clock),
        volumes=DirectoryVolumes(layout),
        object_store=PresignedUploads(
            FileUploads(layout),
            UrlSigner(settings.master_secret),
            clock,
            base_url=settings.public_upload_url,
            max_bytes=settings.upload_max_bytes,
        ),
        keys=DerivedKeys(settings.master_secret),
        edge=AgentPorts(settings.port_range),
        agent=HttpAgent(),
        clock=clock,
    )
