"""How many connections there may be, in all and of one address, against the real service."""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.http.connections.sockets import peer_of
from tests.support.postgres import reachable_folder
from tests.support.service import Service, environment, running_service
from tests.support.sockets import RawClient, several, wait_for

IN_ALL, OF_A_PEER = 50, 20
BOUNDED = {
    "MEMORY_PROVIDER": "mock",
    "NINAI__SERVER__CONNECTIONS": str(IN_ALL),
    "NINAI__SERVER__CONNECTIONS_PER_PEER": str(OF_A_PEER),
    "NINAI__SERVER__HEADER_TIMEOUT": "600",
}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service with bounds, on an address that all of 127.0.0.0/8 reaches, and which waits long."""
    with reachable_folder() as folder, running_service(folder, BOUNDED) as started:
        yield started


def counted(service: Service, name: str, **labels: str) -> float:
    """What a metric says now."""
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    )


def test_an_address_has_its_share_and_no_more(service: Service) -> None:
    """As many as it may have stay and are served, the newest beyond that are closed, counted and told; others stay."""
    before = counted(service, "ninai_connections_cut_total", reason="peer")

    with several(service.url, 5, "127.0.0.3") as others, several(service.url, OF_A_PEER, "127.0.0.2") as allowed:
        wait_for(lambda: counted(service, "ninai_connections") >= 5 + OF_A_PEER, "a look at them")
        with several(service.url, 3, "127.0.0.2") as surplus:
            wait_for(lambda: not any(one.is_open() for one in surplus), "their end")

            assert [one.ask("/livez").status() for one in allowed + others] == [200] * (OF_A_PEER + 5)

    wait_for(lambda: counted(service, "ninai_connections_cut_total", reason="peer") == before + 3, "their count")
    assert '"peer":"127.0.0.2"' in service.said()


def test_who_comes_when_all_are_taken_waits(service: Service) -> None:
    """And is served as soon as somebody leaves."""
    wait_for(lambda: counted(service, "ninai_connections") <= 1, "those of before to leave")
    with several(service.url, OF_A_PEER, "127.0.0.4") as first, several(service.url, OF_A_PEER, "127.0.0.5") as second:
        rest = IN_ALL - 2 * OF_A_PEER
        with several(service.url, rest, "127.0.0.6") as third, RawClient(service.url, "127.0.0.7") as late:
            for one in (*first, *second, *third):
                assert one.ask("/livez").status() == 200
            late.ask("/livez")
            # Whoever is served twice meanwhile has not waited for who came later.
            assert third[0].ask("/readyz").status() == 200
            assert late.is_open()

            first[0].__exit__()

            assert late.status() == 200


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("files", "connections"), [(10_512, 10_000), (10_511, 9_999), (1_024, 512), (600, 300)], ids=str
)
def test_there_are_no_more_connections_than_files(files: int, connections: int) -> None:
    """Some are left for all else; the log says that there are fewer than configured, and only then."""
    code = (
        "import resource\n"
        f"resource.setrlimit(resource.RLIMIT_NOFILE, (256, {files}))\n"
        "from app.http.connections import limits\n"
        "from app.settings.model import ServerSettings\n"
        "print(limits.connections_per_worker(ServerSettings()))\n"
        "limits.allow_files(ServerSettings())\n"
        "print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True
    )
    *said, held, granted = done.stdout.splitlines()

    assert (int(held), int(granted)) == (connections, min(files, 10_512))
    assert any("connections_limited" in line for line in said) == (connections < 10_000)


@pytest.mark.parametrize(
    ("host", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
    ],
)
def test_a_peer_is_who_can_choose_the_address(host: str, peer: str) -> None:
    """Whoever has one IPv6 address has 2**64 of them."""
    assert peer_of(host) == peer
