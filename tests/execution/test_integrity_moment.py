"""A changed file is refused from the next millisecond on, and a mended one runs again at once."""

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from livery.execution.executors import LocalExecutors
from livery.execution.store import PackageStore
from livery.manifest.package import PackageFile, package_digest


def test_looked_at_again_a_moment_later(tmp_path: Path) -> None:
    files = (PackageFile("SKILL.md", b"---\nname: x\ndescription: y\n---\n"),)
    digest = package_digest(files)
    store = PackageStore(tmp_path)
    store.put(digest, files)
    unused: Any = None
    provider: Any = SimpleNamespace(runtimes={"python"})
    executors = LocalExecutors(store, [provider], unused)
    contract: Any = SimpleNamespace(runtime="python", digest=digest)
    assert executors.integrity(contract) is None
    time.sleep(0.002)
    path = store.folder(digest) / "SKILL.md"
    path.chmod(0o600)
    path.write_bytes(b"changed")
    fault = executors.integrity(contract)
    assert fault is not None
    assert executors.integrity(contract) == fault
    path.write_bytes(files[0].data)
    path.chmod(0o400)
    assert executors.integrity(contract) is None
