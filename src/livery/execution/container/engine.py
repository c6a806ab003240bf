"""Docker Engine through its SDK: the only module that knows it. Blocking; callers use threads.

There is no other way to run a plugin: where this fails, the answer is `plugin_container_unavailable`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from livery.execution.container.limits import (
    CREDENTIALS_BYTES,
    FILE_BYTES,
    MIB,
    OPEN_FILES,
    OUTPUT_BYTES,
    PIDS,
    TMP_BYTES,
    UID,
    USER,
)
from livery.manifest.errors import LiveryError

API_TIMEOUT_S: Final = 30
HOME, OWNER = "livery.home", "livery.owner"
"""Labels of every container: whose platform, and which of its processes."""
GVISOR: Final = "runsc"
_IN_PROGRESS: Final = 409
_REMOVALS, _BETWEEN_S = 40, 0.25


class EngineUnavailable(LiveryError):
    """There is no engine, or it refuses."""

    code = "plugin_container_unavailable"


class ImageMismatch(LiveryError):
    """The image that a name stands for is not the one that was pinned."""

    code = "security_hash_mismatch"


class ImageUnpinned(LiveryError):
    """The contract names an image without its content digest."""

    code = "plugin_contract_invalid"


@dataclass(frozen=True, slots=True)
class Profile:
    """All that is fixed when a container is made; containers of one profile are alike."""

    image_id: str
    memory_mb: int
    cpus: float
    cpu_s: int
    runtime: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a container ended."""

    exit_code: int
    oom: bool


@contextmanager
def spoken() -> Iterator[None]:
    """Turns what the SDK raises into EngineUnavailable."""
    try:
        import docker.errors  # type: ignore[import-untyped]
        import requests.exceptions
    except ImportError:
        raise EngineUnavailable(
            message="Container skills need the Docker SDK, which is not installed.",
            remedy="Install livery[sandbox], and Docker Engine.",
        ) from None
    try:
        yield
    except docker.errors.APIError as error:
        said = str(error.explanation or error)[:300]
        raise EngineUnavailable(message=f"Docker Engine refused: {said}") from None
    except (docker.errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise EngineUnavailable(
            message="No Docker Engine answers here.",
            details={"cause": f"{type(error).__name__}: {error}"[:300]},
            remedy="Install Docker Engine and start it, or set DOCKER_HOST to its socket; then: livery sandbox test",
        ) from None


class Engine:
    """One engine, as DOCKER_HOST or the SDK's default names it."""

    def __init__(self, api: Any) -> None:
        self.api = api

    @classmethod
    def connect(cls, environ: Mapping[str, str]) -> Engine:
        """Connect and ask for the version. Raises EngineUnavailable."""
        with spoken():
            import docker
            from docker.utils import kwargs_from_env  # type: ignore[import-untyped]

            options = kwargs_from_env(environment=dict(environ))
            api = docker.APIClient(version="auto", timeout=API_TIMEOUT_S, **options)
        return cls(api)

    def close(self) -> None:
        """Close the connections."""
        self.api.close()

    def check(self, runtime: str) -> None:
        """Raises EngineUnavailable where the engine cannot hold a plugin as it must be held."""
        with spoken():
            info = self.api.info()
        if info.get("OSType") != "linux":
            raise EngineUnavailable(message="The engine runs no Linux containers.")
        if not any("name=seccomp" in str(item) for item in info.get("SecurityOptions") or ()):
            raise EngineUnavailable(
                message="The engine has no seccomp; plugins need its default profile."
            )
        if runtime and runtime not in (info.get("Runtimes") or {}):
            raise EngineUnavailable(
                message=f"LIVERY_SANDBOX_RUNTIME asks for {runtime}, which the engine does not list.",
                remedy=f"Register {runtime} with the engine (runsc is gVisor's), or take the setting away.",
            )

    def image(self, named: str) -> str:
        """The id of a pinned image: `sha256:…`, or `name@sha256:…` whose name must stand for just that.

        Raises ImageUnpinned, ImageMismatch, EngineUnavailable.
        """
        name, at, digest = named.rpartition("@")
        if not digest.startswith("sha256:"):
            raise ImageUnpinned(
                message=f"The image {named[:100]} is named without its content digest.",
                remedy="Write runtime.image as sha256:<id>, or as name@sha256:<digest>.",
            )
        found = self._inspect(name if at else digest)
        if found is None:
            raise EngineUnavailable(
                message=f"The engine does not have the image {named[:120]}.",
                remedy="livery sandbox build makes the default image; others are loaded by the operator.",
            )
        repo_digests = {str(item).rpartition("@")[2] for item in found.get("RepoDigests") or ()}
        if digest != found["Id"] and digest not in repo_digests:
            raise ImageMismatch(
                message=f"{name or digest} is now another image than the pinned one."
            )
        return str(found["Id"])

    def find(self, name: str) -> str | None:
        """The id of an image by any name, None where the engine does not have it."""
        found = self._inspect(name)
        return str(found["Id"]) if found else None

    def _inspect(self, name: str) -> dict[str, Any] | None:
        import docker.errors

        with spoken():
            try:
                found: dict[str, Any] = self.api.inspect_image(name)
            except docker.errors.NotFound:
                return None
        return found

    def create(
        self,
        profile: Profile,
        command: list[str],
        *,
        name: str,
        labels: Mapping[str, str],
        input_folder: Path,
        egress: Path | None = None,
    ) -> str:
        """Make a container that holds nothing yet; its id."""
        with spoken():
            made = self.api.create_container_from_config(
                {
                    "Image": profile.image_id,
                    "Cmd": command,
                    "Entrypoint": [],
                    "User": USER,
                    "WorkingDir": "/",
                    "Hostname": "plugin",
                    "Env": [],
                    "Labels": dict(labels),
                    "OpenStdin": True,
                    "StdinOnce": True,
                    "AttachStdin": True,
                    "AttachStdout": True,
                    "AttachStderr": True,
                    "NetworkDisabled": True,
                    "Healthcheck": {"Test": ["NONE"]},
                    "HostConfig": held(profile, input_folder, egress),
                },
                name,
            )
        return str(made["Id"])

    def attach(self, container: str) -> tuple[Any, Any]:
        """The container's stdin, stdout and stderr as one socket, and what must be kept (and closed) with it."""
        with spoken():
            opened = self.api.attach_socket(
                container, {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            )
        return getattr(opened, "_sock", opened), opened

    def start(self, container: str) -> None:
        """Start it."""
        with spoken():
            self.api.start(container)

    def ended(self, container: str) -> Ended | None:
        """How it ended; None while it runs, or where it is gone."""
        try:
            with spoken():
                state = self.api.inspect_container(container)["State"]
        except EngineUnavailable:
            return None
        if state.get("Running"):
            return None
        return Ended(int(state.get("ExitCode") or 0), bool(state.get("OOMKilled")))

    def remove(self, container: str) -> None:
        """Kill it with all that runs in it, and remove it; returns when it is gone."""
        import docker.errors

        with spoken():
            for _ in range(_REMOVALS):
                try:
                    self.api.remove_container(container, force=True, v=True)
                except docker.errors.NotFound:
                    return
                except docker.errors.APIError as error:
                    if error.status_code != _IN_PROGRESS:
                        raise
                    time.sleep(_BETWEEN_S)  # another removal of it is on its way
                else:
                    return

    def labelled(self, home: str) -> list[tuple[str, str]]:
        """(id, owner) of the containers of a platform, dead ones too."""
        with spoken():
            found = self.api.containers(all=True, filters={"label": f"{HOME}={home}"})
        return [(item["Id"], (item.get("Labels") or {}).get(OWNER, "")) for item in found]


def held(profile: Profile, input_folder: Path, egress: Path | None) -> dict[str, Any]:
    """The HostConfig: everything that a container may not do."""
    memory = profile.memory_mb * MIB
    binds = [(input_folder, "/input")] + ([(egress, "/egress")] if egress is not None else [])
    config: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "Privileged": False,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],  # and the engine's default seccomp profile
        "PidsLimit": PIDS,
        "Memory": memory,
        "MemorySwap": memory,
        "NanoCpus": round(profile.cpus * 1_000_000_000),
        "OomScoreAdj": 500,  # when the machine itself runs short, a plugin goes first
        "IpcMode": "none",
        "CgroupnsMode": "private",
        "LogConfig": {"Type": "none", "Config": {}},  # nothing that is printed reaches a disk
        "RestartPolicy": {"Name": "no"},
        "Ulimits": [
            {"Name": "core", "Soft": 0, "Hard": 0},
            {"Name": "nofile", "Soft": OPEN_FILES, "Hard": OPEN_FILES},
            {"Name": "fsize", "Soft": FILE_BYTES, "Hard": FILE_BYTES},
            {"Name": "memlock", "Soft": 0, "Hard": 0},
            {"Name": "msgqueue", "Soft": 0, "Hard": 0},
            {"Name": "cpu", "Soft": profile.cpu_s, "Hard": profile.cpu_s},
        ],
        "Tmpfs": {
            "/tmp": f"rw,noexec,nosuid,nodev,size={TMP_BYTES},nr_inodes=1024,mode=1777",  # noqa: S108
            "/output": _own(OUTPUT_BYTES, 1024),
            # In memory, which is not swapped; process 1 fills it once it has its call.
            "/credentials": _own(CREDENTIALS_BYTES, 512),
        },
        "Mounts": [
            {
                "Type": "bind",
                "Source": str(source),
                "Target": target,
                "ReadOnly": True,
                "BindOptions": {"Propagation": "rprivate"},
            }
            for source, target in binds
        ],
    }
    if profile.runtime:
        config["Runtime"] = profile.runtime
    if GVISOR in profile.runtime:
        # The cgroup counts gVisor's own threads, not the plugin's; under the host's kernel this limit would count
        # the processes of every plugin together.
        config["Ulimits"].append({"Name": "nproc", "Soft": PIDS, "Hard": PIDS})
    return config


def _own(size: int, inodes: int) -> str:
    """A folder in memory for the plugin's user alone."""
    return f"rw,noexec,nosuid,nodev,size={size},nr_inodes={inodes},mode=0700,uid={UID},gid={UID}"
