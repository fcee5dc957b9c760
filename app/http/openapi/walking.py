"""The operations of a document, one after another."""

from collections.abc import Iterator

from litestar.openapi.spec import OpenAPI, Operation

_METHODS = ("get", "put", "post", "patch", "delete")


def operations_of(document: OpenAPI) -> Iterator[tuple[str, str, Operation]]:
    """Yield the method, the path and the operation of each."""
    for path, item in (document.paths or {}).items():
        for method in _METHODS:
            operation: Operation | None = getattr(item, method)
            if operation is not None:
                yield method, path, operation
