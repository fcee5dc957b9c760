"""Pinecone's own description of its API, by which every request and every answer is judged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jsonschema_rs
import yaml

_FILE = Path(__file__).with_name("db_data_2025-10.oas.yaml")


class ContractBroken(AssertionError):
    """A request or an answer is not as the description has it."""


class PineconeContract:
    """Judge requests and answers; `broken` holds what was wrong, for a test to look at."""

    def __init__(self) -> None:
        document: dict[str, Any] = yaml.safe_load(_FILE.read_text("utf-8"))
        self._document = document
        self._validators: dict[str, Any] = {}
        self.broken: list[str] = []

    def parameters(self, method: str, path: str, query: str, headers: Mapping[str, str]) -> dict[str, Any]:
        """Return the parameters of a request in the query, each once it is judged."""
        operation = self._operation(method, path)
        known = {one["name"]: one for one in operation["parameters"] if one["in"] == "query"}
        given = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
        missing = {name for name, one in known.items() if one.get("required")} - given.keys()
        needed = {one["name"].lower() for one in operation["parameters"] if one["in"] == "header"}
        missing |= needed - headers.keys()
        if unknown := given.keys() - known.keys():
            self._fail(f"{path} knows no {sorted(unknown)}")
        if missing:
            self._fail(f"{path} needs {sorted(missing)}")
        if headers.get("x-pinecone-api-version") != self._document["info"]["version"]:
            self._fail(f"{path} was asked for another version")
        found = {}
        for name, values in given.items():
            schema = known[name]["schema"]
            value: Any = values if schema["type"] == "array" else values[-1]
            found[name] = int(value) if schema["type"] == "integer" else value
            self._judge(f"{path} {name}", schema, found[name])
        return found

    def body(self, method: str, path: str, body: object) -> None:
        """Judge the body of a request, which has nothing that the description does not name."""
        schema = self._operation(method, path)["requestBody"]["content"]["application/json"]["schema"]
        self._judge(path, schema, body)
        named = self._document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]["properties"]
        if isinstance(body, dict) and (unknown := body.keys() - named.keys()):
            self._fail(f"{path} knows no {sorted(unknown)}")

    def answer(self, method: str, path: str, status: int, body: object) -> None:
        """Judge an answer."""
        responses = self._operation(method, path)["responses"]
        response = responses.get(str(status)) or responses[f"{status // 100}XX"]
        self._judge(f"{path} {status}", response["content"]["application/json"]["schema"], body)

    def _operation(self, method: str, path: str) -> dict[str, Any]:
        operation = self._document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            self._fail(f"there is no {method} {path}")
        found: dict[str, Any] = operation
        return found

    def _judge(self, where: str, schema: Mapping[str, Any], value: object) -> None:
        key = repr(schema)
        if key not in self._validators:
            whole = {**schema, "components": self._document["components"]}
            self._validators[key] = jsonschema_rs.Draft4Validator(whole)
        for error in self._validators[key].iter_errors(value):
            self._fail(f"{where}: {error.message}")

    def _fail(self, reason: str) -> None:
        self.broken.append(reason)
        raise ContractBroken(reason)
