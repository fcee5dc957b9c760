"""Scrapes: however many and whatever they accept, the metrics are gathered and put into text once a second."""

import asyncio
import gzip

import pytest
from prometheus_client import CollectorRegistry, Counter

from observability.metrics.scrapes import OPEN_METRICS, TEXT, Scrapes

FOREVER = 3600.0  # seconds
ACCEPTED = {
    OPEN_METRICS: OPEN_METRICS,
    f"{OPEN_METRICS}; version=1.0.0": OPEN_METRICS,
    f"{OPEN_METRICS};version=1.0.1;escaping=allow-utf-8;q=0.6": OPEN_METRICS,
    f"text/plain;version=0.0.4;q=0.5,{OPEN_METRICS};version=1.0.0": OPEN_METRICS,
    f"{OPEN_METRICS};version=0.0.1, text/plain;version=0.0.4;q=0.5": TEXT,
    f"{OPEN_METRICS};version=1.0.0;q=0": TEXT,
    f"{OPEN_METRICS};q=0.000": TEXT,
    f"{OPEN_METRICS};version=nonsense": TEXT,
    "text/plain;version=1.0.0;escaping=underscores": TEXT,
    "*/*": TEXT,
    ";;,=,;q": TEXT,
    "": TEXT,
}


class Source:
    """Gives metrics, and knows how often it was asked, and by how many at a time."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.things = Counter("things", "Counted.", registry=self.registry)
        self.asked = 0
        self.at_once = 0
        self.most_at_once = 0

    async def gathered(self) -> CollectorRegistry:
        """Give them, after others had their turn."""
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        return self.registry


async def test_a_second_has_one_rendering_of_each_format() -> None:
    """For whatever scrapers accept there are two formats, and these are made one after the other."""
    source = Source()
    scrapes = Scrapes(source.gathered, FOREVER)

    exposed = await asyncio.gather(*(scrapes.newest(accept) for accept in ACCEPTED for _ in range(20)))

    assert (source.asked, source.most_at_once) == (2, 1)
    assert len({id(one.plain) for one in exposed}) == 2


@pytest.mark.parametrize(("accept", "content_type"), ACCEPTED.items())
async def test_a_scraper_gets_the_format_that_it_names(accept: str, content_type: str) -> None:
    """OpenMetrics in its first version, or else the text; nothing that it says is an error."""
    exposed = await Scrapes(Source().gathered, FOREVER).newest(accept)

    assert exposed.content_type.partition(";")[0] == content_type
    assert exposed.plain.endswith(b"# EOF\n") == (content_type == OPEN_METRICS)


async def test_a_rendering_is_packed_once() -> None:
    """Whoever wants it packed gets the same bytes, also while they are being made."""
    exposed = await Scrapes(Source().gathered, FOREVER).newest("")

    packed = await asyncio.gather(*(exposed.packed() for _ in range(20)))

    assert len({id(one) for one in packed}) == 1
    assert gzip.decompress(packed[0]) == exposed.plain


async def test_what_is_counted_is_told_when_nothing_is_shared() -> None:
    """The next rendering has it."""
    source = Source()
    scrapes = Scrapes(source.gathered, 0.0)
    before = await scrapes.newest("")
    source.things.inc(7)
    after = await scrapes.newest("")

    assert (b"things_total 0.0" in before.plain, b"things_total 7.0" in after.plain) == (True, True)
