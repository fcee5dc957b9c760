"""Which pages the site has, in which order and under which headings; each is a file of the repository."""

from msgspec import Struct


class Section(Struct, frozen=True):
    """Put pages under one heading; `pages` are paths in the repository."""

    heading: str
    pages: tuple[str, ...]


def _docs(*names: str) -> tuple[str, ...]:
    return tuple(f"deploy/docs/{name}.md" for name in names)


HOME = "deploy/docs/README.md"

SECTIONS = (
    Section("First steps", ("README.md", *_docs("what-for", "comparison", "promises", "glossary"))),
    Section(
        "For programs",
        (
            *_docs("api", "webhooks", "clients"),
            "app/client/python/README.md",
            "app/client/typescript/README.md",
            *_docs("portability", "problems"),
        ),
    ),
    Section("Providers", _docs("chain", "native", "mem0", "redis", "opensearch", "pinecone", "stores")),
    Section(
        "Installation",
        (
            *_docs("deployment"),
            "deploy/systemd/README.md",
            "deploy/kubernetes/README.md",
            "deploy/haproxy/README.md",
            "deploy/pgbouncer/README.md",
            *_docs("configuration", "settings"),
        ),
    ),
    Section(
        "Callers",
        _docs(
            "keys",
            "tokens",
            "signed-users",
            "tenants",
            "security",
            "encryption",
            "accountability",
            "erasure",
            "overload",
        ),
    ),
    Section(
        "Operation", _docs("operations", "backup", "scale", "tuning", "logs", "metrics", "measurements", "tracing")
    ),
    Section(
        "Watching",
        ("deploy/prometheus/README.md", "deploy/grafana/README.md", "deploy/runbooks/README.md"),
    ),
    Section("The project", ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    Section("The design", ("providers/chain/README.md", "providers/keys/README.md")),
)
# What the navigation calls pages whose headings are not about their place in it.
TITLES = {
    "README.md": "Start",
    "app/client/python/README.md": "The Python package",
    "app/client/typescript/README.md": "The TypeScript package",
}
# Pages that stand below another one, which links to each of them.
BELOW = {
    "deploy/runbooks/README.md": "deploy/runbooks/Ninai*.md",
    "providers/chain/README.md": "providers/chain/*/README.md",
}
