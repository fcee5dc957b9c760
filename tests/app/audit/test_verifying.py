"""Whatever is done to the files of an audit is found."""

import json
import os
from pathlib import Path

import pytest

from app.audit.entries import AuditEntry
from app.audit.files import files_in
from app.audit.verifying import heads_in_log, verify
from app.audit.writing import MB, AuditWriter
from tests.support.audited import only_file

NOW = 1_800_000_000.0


def chain(folder: Path, requests: int = 3, *, began: float = NOW) -> AuditWriter:
    """A chain with the entry of its beginning and those of some requests."""
    writer = AuditWriter(folder, 1, 2, began)
    writer.append([request(str(number)) for number in range(requests)], NOW)
    return writer


def request(name: str, route: str = "/memory/recall") -> AuditEntry:
    """The entry of a request."""
    return AuditEntry(seq=0, at="2027-01-15T08:00:00.000+00:00", request=name, route=route, status=200)


def faults(folder: Path) -> list[str]:
    """What is wrong in a folder."""
    return [fault.detail for fault in verify(folder).faults]


def test_what_was_written_is_whole(tmp_path: Path) -> None:
    """Also after a second process has written its own chain."""
    chain(tmp_path).close()
    chain(tmp_path, began=NOW + 1).close()

    result = verify(tmp_path)

    assert (result.files, result.chains, result.entries, result.faults) == (2, 2, 8, [])
    assert result.heads == 1


def test_a_changed_entry_is_found(tmp_path: Path) -> None:
    """Whatever of it was changed."""
    chain(tmp_path).close()
    file = only_file(tmp_path)
    file.write_bytes(file.read_bytes().replace(b'"request":"1"', b'"request":"7"'))

    assert faults(tmp_path) == ["entry 3 was changed, or one before it"]


def test_an_entry_that_was_taken_out_is_found(tmp_path: Path) -> None:
    """From the middle."""
    chain(tmp_path).close()
    file = only_file(tmp_path)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:2] + lines[3:]))

    assert faults(tmp_path) == ["entry 4 does not follow the one before: entries are missing or were added"]


def test_an_end_that_was_cut_off_is_found_by_the_next_chain(tmp_path: Path) -> None:
    """A process that starts later notes where the others have ended."""
    chain(tmp_path).close()
    first = only_file(tmp_path)
    chain(tmp_path, began=NOW + 1).close()
    first.write_bytes(b"".join(first.read_bytes().splitlines(keepends=True)[:-1]))

    assert faults(tmp_path) == ["the end was cut off: entry 4 is known, 3 is the last one"]

    first.unlink()
    [fault] = faults(tmp_path)
    assert "is missing: it had 4 entries" in fault


def test_an_end_that_was_cut_off_is_found_by_the_log_and_by_the_writer(tmp_path: Path) -> None:
    """The log has the head of the chain every minute; it is kept elsewhere."""
    writer = chain(tmp_path / "audit")
    head = writer.head
    line = {"event": "audit_head", "chain": head.chain, "seq": head.seq, "hash": head.hash, "file": head.file}
    log = tmp_path / "log"
    log.write_text(f"no JSON audit_head\n{json.dumps(line)}\n")
    file = only_file(tmp_path / "audit")
    assert [writer.was_cut] == [False]

    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:-1]))

    assert writer.was_cut
    assert faults(tmp_path / "audit") == []
    [fault] = verify(tmp_path / "audit", heads_in_log(log)).faults
    assert fault.detail == "the end was cut off: entry 4 is known, 3 is the last one"
    writer.close()


def test_a_chain_goes_on_in_the_next_file_and_the_oldest_files_go(tmp_path: Path) -> None:
    """Within the bound; what was removed is written down, and no fault."""
    writer = chain(tmp_path)
    long = "x" * 10_000
    for number in range(300):  # three files and a half
        writer.append([request(str(number), long)], NOW)
    writer.close()

    files = files_in(tmp_path)
    assert files[0].number > 1
    assert sum(file.path.stat().st_size for file in files) <= 2 * MB + 20_000
    assert faults(tmp_path) == []

    os.truncate(files[-1].path, 0)
    assert faults(tmp_path)[-1] == "is empty: it was cut"


def test_what_cannot_be_written_leaves_the_chain_as_it_was(tmp_path: Path) -> None:
    """The next entry that can be written follows the last one that was."""
    folder = tmp_path / "audit"
    folder.touch()  # where the folder should be
    writer = AuditWriter(folder, 1, 2, NOW)
    with pytest.raises(FileExistsError):
        writer.append([request("refused")], NOW)

    folder.unlink()
    writer.append([request("again")], NOW)
    writer.close()

    assert writer.head.seq == 2
    assert faults(folder) == []
