"""Clients that send or read slowly, or not at all, against the real service: what they get, and what they cost."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import reachable_folder
from tests.support.service import Service, running_service
from tests.support.sockets import RawClient, head, held_by_kernel, several, wait_for

FAST = {
    "MEMORY_PROVIDER": "mock",
    "NINAI__SERVER__HEADER_TIMEOUT": "1",
    "NINAI__SERVER__BODY_TIMEOUT": "0.5",
    "NINAI__SERVER__CONNECTIONS": "40",
}
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"
OWN = "Origin: http://localhost"
HALF_HEAD = head("GET", "/livez", "X-Rest: ").rstrip()
SLOW_BODY = 200_000
PIECES = 10
PAUSE = 0.15  # so that the slow body takes longer than a stalling one is waited for
USER = {"X-User-ID": "reader"}
MIB = 1024 * 1024
MAX_ADDRESS_BYTES = 65_534  # of the path and the query
# Four bytes for each of the most characters that a memory may have, and as many memories as a page may: 12.8 MB, more
# than the kernel takes over for a client that does not read.
LONGEST = "\N{TEACUP WITHOUT HANDLE}\N{GRINNING FACE}" * 16_000
PAGE = 100


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """A service that waits for nobody for longer than a second, and holds forty connections."""
    with reachable_folder() as folder, running_service(folder, FAST) as started:
        yield started


@pytest.fixture(scope="module")
def full() -> Iterator[Service]:
    """A service that waits for no answer to be read, with a user whose first page is long."""
    variables = {"MEMORY_PROVIDER": "mock", "NINAI__SERVER__ANSWER_TIMEOUT": "0.5"}
    with reachable_folder() as folder, running_service(folder, variables) as started:
        fill(started)
        yield started


def fill(service: Service) -> None:
    """Store a hundred of the longest memories of one user."""
    for _ in range(4):
        body = {"memories": [{"content": LONGEST} for _ in range(PAGE // 4)]}
        response = httpx.post(f"{service.url}/memory/remember/batch", json=body, headers=USER, trust_env=False)
        assert response.status_code == 200


def cut(service: Service) -> float:
    """How many connections were ended because an answer was not read."""
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    [value] = re.findall(r'^ninai_connections_cut_total{reason="slow"} (\S+)$', text, re.MULTILINE)
    return float(value)


def resident(service: Service) -> int:
    """Bytes of memory that the worker has."""
    [worker] = service.workers()
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize(
    "said", [b"", b"G", b"PRI * HT", HALF_HEAD], ids=["nothing", "a byte", "half of HTTP/2's", "half a head"]
)
def test_who_does_not_ask_is_not_kept(service: Service, said: bytes) -> None:
    """A connection ends over which no whole head comes; nothing is said to who says nothing."""
    with RawClient(service.url) as client:
        assert client.send(said).rest() == b""


@pytest.mark.parametrize(("length", "status"), [(63 * 1024, 200), (129 * 1024, 431)])
def test_a_head_has_a_limit(service: Service, length: int, status: int) -> None:
    """It is looked at when so much has been read, which may be as much more as was read at once."""
    with RawClient(service.url) as client:
        assert client.ask("/livez", "X-Rest: " + "x" * length).status() == status


@pytest.mark.parametrize(("more", "status"), [(0, 422), (1, 414)])
def test_an_address_has_a_limit(service: Service, more: int, status: int) -> None:
    """One that is longer is not read at all, whatever it asks for."""
    where = "/memory/memories?where="
    address = where + "x" * (MAX_ADDRESS_BYTES - len(where) + more)
    with RawClient(service.url) as client:
        assert client.ask(address).status() == status


def test_a_head_that_trickles_in_is_not_waited_for(service: Service) -> None:
    """Its bytes prolong nothing: the connection ends before they do."""
    with RawClient(service.url) as client:
        client.send(HALF_HEAD)
        taken = 0
        while client.is_open() and taken < 300:
            client.send_what_is_taken(b"a")
            taken += 1
            time.sleep(PAUSE)

        assert taken < 300


def test_a_kept_connection_ends(service: Service) -> None:
    """What came over it was answered, and it is not kept for ever for what might come."""
    with RawClient(service.url) as client:
        assert client.ask("/livez").rest().startswith(b"HTTP/1.1 200 ")


def test_silent_clients_keep_nobody_out(service: Service) -> None:
    """As many as there may be connections are gone after a while, and who came after them is served."""
    with several(service.url, 40), RawClient(service.url) as client:
        assert client.ask("/livez").status() == 200


def test_a_body_that_stalls_is_refused(service: Service) -> None:
    """With a problem that says how much has come, and the end of the connection."""
    with RawClient(service.url) as client:
        said = client.send(head("POST", "/memory/remember", JSON, "Content-Length: 100") + b'{"content').rest()

    assert said.startswith(b"HTTP/1.1 408 ")
    for part in (b"connection: close", b"application/problem+json", b"urn:ninai:problem:request-timeout", b" 9 bytes"):
        assert part in said


def test_a_slow_body_arrives(service: Service) -> None:
    """While it comes, who has begun later and stalls is refused; it itself is stored."""
    body = b'{"content": "tea"' + b" " * SLOW_BODY + b"}"
    piece = -(-len(body) // PIECES)
    with RawClient(service.url) as slow, RawClient(service.url) as stalling:
        slow.send(head("POST", "/memory/remember", JSON, f"Content-Length: {len(body)}") + body[:piece])
        stalling.send(head("POST", "/memory/remember", JSON, "Content-Length: 100") + b"{")
        refused = stalling.status()
        for begin in range(piece, len(body), piece):
            assert slow.is_open()
            slow.send(body[begin : begin + piece])
            time.sleep(PAUSE)
        stored = slow.status()

    assert (refused, stored) == (408, 200)


def cookie_of(service: Service) -> str:
    """The session of a browser that has looked at the console."""
    page = httpx.get(f"{service.url}/console", headers={"Host": "localhost"}, trust_env=False)
    sent = page.headers["set-cookie"].partition(";")[0]
    return f"Cookie: {sent}"


def test_half_sent_forms_cost_little(service: Service) -> None:
    """Two hundred of 1 MB are refused before they are read, with or without a session."""
    cookie = cookie_of(service)
    before = resident(service)

    statuses = []
    for number in range(200):
        path, known = ("/console/order", (cookie,)) if number % 2 else ("/console/login", ())
        with RawClient(service.url) as client:
            client.send(head("POST", path, FORM, OWN, f"Content-Length: {MIB}", *known))
            client.send_what_is_taken(b"key=" + b"x" * (MIB // 2))
            statuses.append(client.status())

    assert statuses == [403, 413] * 100
    assert resident(service) - before < 20 * MIB


def test_a_small_form_that_stalls_is_refused(service: Service) -> None:
    """Also one of a session, which has to be read to be judged."""
    with RawClient(service.url) as client:
        client.send(head("POST", "/console/order", FORM, OWN, "Content-Length: 100", cookie_of(service)) + b"order=")
        assert client.status() == 408


@pytest.mark.thorough
def test_an_answer_that_nobody_reads_is_given_up(full: Service) -> None:
    """The kernel has forgotten it when another client, which reads slowly, has read the same answer to its end."""
    path = f"/memory/memories?limit={PAGE}"
    before = cut(full)

    with RawClient(full.url, small=True) as silent, RawClient(full.url) as slow:
        silent.ask(path, "X-User-ID: reader")
        wait_for(lambda: held_by_kernel(full.url, silent), "its connection")
        answer = slow.ask(path, "X-User-ID: reader", "Connection: close").rest(pause=0.01)
        assert not held_by_kernel(full.url, silent)
        partial = silent.rest()

    assert cut(full) == before + 1
    told, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in told
    assert len(body) > len(LONGEST.encode()) * PAGE > len(partial)


def test_the_kernel_keeps_no_answer_that_nobody_reads(full: Service) -> None:
    """One that it has taken over as a whole, so that the server is done with it."""
    before = cut(full)
    with RawClient(full.url, small=True) as silent:
        silent.ask("/memory/memories?limit=1", "X-User-ID: reader")
        wait_for(lambda: held_by_kernel(full.url, silent), "its connection")
        wait_for(lambda: not held_by_kernel(full.url, silent), "the kernel to forget it")
        partial = silent.rest()

    assert 0 < len(partial) < len(LONGEST.encode())
    assert cut(full) == before + 1


@pytest.mark.soak
def test_a_telephone_is_served_by_default() -> None:
    """It sends 1 MiB at 50 kB/s, and reads 2.5 MB at 60 kB/s; who stalls meanwhile is refused."""
    path = f"/memory/memories?limit={PAGE // 5}"
    body = b'{"content": "tea"'.ljust(MIB - 1) + b"}"
    with reachable_folder() as folder, running_service(folder, {"MEMORY_PROVIDER": "mock"}) as service:
        fill(service)
        with RawClient(service.url) as sending, RawClient(service.url) as stalling:
            for client in (sending, stalling):
                client.send(head("POST", "/memory/remember", JSON, f"Content-Length: {MIB}"))
            for begin in range(0, MIB, 5_000):
                sending.send(body[begin : begin + 5_000])
                time.sleep(0.1)
            assert (stalling.status(), sending.status()) == (408, 200)
        with RawClient(service.url) as reading:
            answer = reading.ask(path, "X-User-ID: reader", "Connection: close").rest(pause=0.1, size=6_000)

    told, _, body = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in told
