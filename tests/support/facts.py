"""From log files to views without a server: what tests of facts and of the digest share."""

from pathlib import Path
from typing import Any

from livery.authoring.loading import load_entry
from livery.authoring.testkit import make_context, read_package
from livery.client.session_logs.discovery import find_logs
from livery.client.session_logs.reader import FileCursor, Pending, file_id, read_file
from livery.client.session_logs.rows import Rows
from livery.client.session_logs.segments import pack_rows
from livery.execution.data.definitions import definitions
from livery.execution.data.views import DataViews
from livery.execution.data.window import WindowSegment, build_window, window_hash

PACKAGE = Path(__file__).parents[2] / "src" / "livery" / "packs" / "analytics" / "weekly-digest"


def read_all(*paths: Path, limit: int = 1 << 40) -> tuple[Rows, list[Pending]]:
    """Read every log below `paths`, whole."""
    rows, pending = Rows(), []
    for log in find_logs(list(paths)):
        cursor, more = FileCursor(file_id(log.path), log.label), True
        while more:
            done = read_file(log.path, cursor, rows, limit)
            cursor, more = done.cursor, done.more
        if done.pending:
            pending.append(done.pending)
    return rows, pending


def open_rows(tmp: Path, *batches: Rows) -> DataViews:
    """The views over batches of facts, in their order of ingestion."""
    segments = []
    for rows in batches:
        for segment in pack_rows(rows):
            path = tmp / f"{segment.sha256}.parquet"
            path.write_bytes(segment.data)
            known = len(segments)
            segments.append(WindowSegment(known, segment.entity, segment.sha256, path))
    known = definitions()
    return DataViews(build_window(segments, known, tmp / "cache"), window_hash(segments), known)


def open_logs(tmp: Path, *paths: Path) -> DataViews:
    """The views over all logs below `paths`."""
    return open_rows(tmp, read_all(*paths)[0])


def run_digest(views: DataViews, **request: Any) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Run the shipped weekly-digest over real views; returns its output and its artifacts."""
    contract = read_package(PACKAGE)[0].contract
    tool = load_entry(PACKAGE, contract.runtime.entry or "")

    def view(name: str) -> Any:
        return lambda *query: views.query(name, *query)

    context = make_context(
        contract.capabilities, data={name: view(name) for name in contract.capabilities.data}
    )
    output = tool.call(request, context)
    return output, {name: content for name, (_, content) in context.artifacts.items()}
