"""What every implementation of the ports promises. The adapters of another cloud join by one more `Cloud`.

A cloud may take its time: the tests look again until it is ready, and `settle` lets it do its own work meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from api.adapters.wiring import embedded_ports
from api.domain.keys import Access
from api.ports import (
    Busy,
    InstanceState,
    InstanceWanted,
    NoCapacity,
    NotFound,
    Ports,
    Presence,
    Tag,
)
from tests.processes import wait_until
from tests.unit.api.world import HandClock, SupervisorDouble, settings_for


@dataclass(frozen=True)
class Cloud:
    """A set of adapters and what makes their outside go on."""

    ports: Ports
    settle: Callable[[], None]
    port: int


@pytest.fixture(params=["embedded"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    settings = settings_for("postgresql://unused", tmp_path)
    supervisor = SupervisorDouble(tmp_path)
    yield Cloud(embedded_ports(settings, HandClock()), supervisor.look, settings.port_range[0])
    supervisor.close()


def new_tag(environment_id: UUID | None = None) -> Tag:
    return Tag(resource_id=uuid4(), environment_id=environment_id or uuid4(), team_id=uuid4())


def wanted(cloud: Cloud) -> InstanceWanted:
    volume = new_tag()
    cloud.ports.volumes.ensure_volume(volume)
    instance = Tag(uuid4(), volume.environment_id, volume.team_id)
    return InstanceWanted(tag=instance, volume=volume, port=cloud.port)


def await_state(cloud: Cloud, tag: Tag, state: InstanceState) -> None:
    def reached() -> bool:
        cloud.settle()
        return cloud.ports.compute.find_instance(tag).state is state

    wait_until(reached, what=f"the instance to be {state}")


def await_gone(cloud: Cloud, tag: Tag) -> None:
    def gone() -> bool:
        cloud.settle()
        return cloud.ports.compute.ensure_instance_absent(tag) is Presence.GONE

    wait_until(gone, what="the instance to be gone")


def test_a_volume_asked_for_twice_is_one_volume(cloud: Cloud) -> None:
    tag = new_tag()
    wait_until(lambda: cloud.ports.volumes.ensure_volume(tag).ready, what="the volume to be ready")
    assert cloud.ports.volumes.ensure_volume(tag).tag == tag
    assert list(cloud.ports.volumes.list_volumes()) == [tag.resource_id]


def test_a_volume_removed_twice_is_gone(cloud: Cloud) -> None:
    tag, other = new_tag(), new_tag()
    for each in (tag, other):
        cloud.ports.volumes.ensure_volume(each)
    for _ in range(2):
        wait_until(lambda: cloud.ports.volumes.ensure_volume_absent(tag) is Presence.GONE, what="the volume to be gone")
    assert list(cloud.ports.volumes.list_volumes()) == [other.resource_id]


def test_what_never_was_is_absent(cloud: Cloud) -> None:
    tag = new_tag()
    assert cloud.ports.volumes.ensure_volume_absent(tag) is Presence.GONE
    assert cloud.ports.compute.ensure_instance_absent(tag) is Presence.GONE
    assert cloud.ports.object_store.ensure_prefix_absent(tag.environment_id) is Presence.GONE
    assert cloud.ports.keys.ensure_keys_absent(tag.environment_id) is Presence.GONE
    assert cloud.ports.edge.ensure_route_absent(tag.environment_id) is Presence.GONE


def test_a_volume_in_use_is_not_removed(cloud: Cloud) -> None:
    want = wanted(cloud)
    cloud.ports.compute.ensure_instance(want)
    await_state(cloud, want.tag, InstanceState.RUNNING)
    with pytest.raises(Busy):
        cloud.ports.volumes.ensure_volume_absent(want.volume)
    await_gone(cloud, want.tag)
    assert cloud.ports.volumes.ensure_volume_absent(want.volume) is Presence.GONE


def test_an_instance_asked_for_twice_is_one_instance(cloud: Cloud) -> None:
    want = wanted(cloud)
    cloud.ports.compute.ensure_instance(want)
    await_state(cloud, want.tag, InstanceState.RUNNING)
    assert cloud.ports.compute.ensure_instance(want).state is InstanceState.RUNNING
    assert list(cloud.ports.compute.list_instances()) == [want.tag.resource_id]


def test_a_running_instance_has_an_address_at_which_its_agent_answers(cloud: Cloud) -> None:
    want = wanted(cloud)
    cloud.ports.compute.ensure_instance(want)
    await_state(cloud, want.tag, InstanceState.RUNNING)
    address = cloud.ports.compute.find_instance(want.tag).address
    assert address is not None
    wait_until(lambda: cloud.ports.agent.health(address) is not None, what="the agent to answer")


def test_an_instance_removed_twice_is_gone_and_nothing_answers(cloud: Cloud) -> None:
    want = wanted(cloud)
    address = cloud.ports.compute.ensure_instance(want).address
    await_state(cloud, want.tag, InstanceState.RUNNING)
    await_gone(cloud, want.tag)
    await_gone(cloud, want.tag)
    assert list(cloud.ports.compute.list_instances()) == []
    assert address is not None
    assert cloud.ports.agent.health(address) is None


def test_an_unknown_instance_is_not_found(cloud: Cloud) -> None:
    with pytest.raises(NotFound):
        cloud.ports.compute.find_instance(new_tag())


def test_keys_are_found_by_what_they_may_do_and_by_environment(cloud: Cloud) -> None:
    one, two = uuid4(), uuid4()
    keys = cloud.ports.keys
    for environment_id in (one, two):
        keys.ensure_keys(environment_id, 1)
    for access in Access:
        key = keys.reveal_key(one, 1, access)
        assert keys.check_key(one, 1, key) is access
        assert keys.check_key(two, 1, key) is None
        assert key.get_secret_value() not in repr(key)
    assert keys.check_key(one, 1, SecretStr("")) is None


def test_a_new_generation_of_keys_ends_the_old_one(cloud: Cloud) -> None:
    environment_id = uuid4()
    old = cloud.ports.keys.reveal_key(environment_id, 1, Access.READ_WRITE)
    assert cloud.ports.keys.check_key(environment_id, 2, old) is None


def test_a_route_leads_to_the_same_url_whenever_asked(cloud: Cloud) -> None:
    environment_id = uuid4()
    url = cloud.ports.edge.ensure_route(environment_id, cloud.port)
    assert cloud.ports.edge.ensure_route(environment_id, cloud.port) == url


def test_a_chosen_port_is_nobodys(cloud: Cloud) -> None:
    first = cloud.ports.edge.choose_port(set())
    if first is None:
        pytest.skip("environments of this cloud need no port")
    assert cloud.ports.edge.choose_port({first}) != first
    with pytest.raises(NoCapacity):
        cloud.ports.edge.choose_port(range(1, 65536))


def test_an_upload_gets_a_name_that_the_client_did_not_choose(cloud: Cloud) -> None:
    environment_id = uuid4()
    uploads = [cloud.ports.object_store.presign_upload(environment_id) for _ in range(2)]
    assert len({upload.upload_id for upload in uploads}) == 2
    for upload in uploads:
        assert f"{environment_id}/{upload.upload_id}" in upload.url
        assert upload.method == "PUT"
        left = (upload.expires_at - cloud.ports.clock.now()).total_seconds()
        assert 1190 < left <= 1200
