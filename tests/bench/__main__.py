"""Every benchmark, one after the other; name some to run only those: `python -m tests.bench service`.

`scale` runs only if it is named: it needs an hour, and 45 GB for ten million memories.
"""

import sys
from importlib import import_module

BENCHMARKS = (
    "service",
    "open_routes",
    "edge",
    "admission",
    "auth",
    "stalls",
    "search",
    "recall",
    "users",
    "ranking",
    "filtered",
    "lists",
    "keys",
    "console",
    "portable",
    "sizing",
    "tenants",
    "history",
    "embedders",
    "chain",
    "stores",
    "kinds",
    "served",
    "mem0",
)


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all of them; each is imported late, so that none runs in what another loaded."""
    for name in names or BENCHMARKS:
        print(f"\n== {name}")
        import_module(f"tests.bench.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
