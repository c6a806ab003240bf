"""Process 1 of a plugin's container: says that it is ready, waits for one call, answers once, and ends.

Only the standard library, and no import of ours: its text is the container's command. Nothing that it says is
trusted outside: the plugin runs in this very process. What it protects is order, what protects the platform is
the container around it.

Input: one line of JSON on stdin, and /input; credentials are on that line, and become files in memory.
Answer on the first stdout: `{...}\n`, then the result, then the files.
"""

# os.path knows no classes that a plugin could have changed, and nothing may go wrong in here.
# ruff: noqa: PTH118, PTH120, PTH123, S110, SIM105
from __future__ import annotations

import ctypes
import importlib.util
import inspect
import io
import json
import os
import socket
import stat
import struct
import sys
import threading
import traceback
from typing import Any

MAX_LINE = 512 * 1024
SKILL, PAYLOAD, OUTPUT, PROXY, CREDENTIALS = (
    "/input/skill",
    "/input/payload.json",
    "/output",
    "/egress/proxy.sock",
    "/credentials",
)
FAMILIES = (1, 2, 10, 16)
"""Sockets: unix, inet, inet6, netlink."""
# ptrace process_vm_readv process_vm_writev kcmp pidfd_getfd add_key request_key keyctl bpf perf_event_open userfaultfd
# io_uring_setup io_uring_enter io_uring_register unshare setns mount umount2 pivot_root
# name_to_handle_at open_by_handle_at; then socket
_CALLS = {
    "x86_64": (
        0xC000003E,
        (
            101,
            310,
            311,
            312,
            438,
            248,
            249,
            250,
            321,
            298,
            323,
            425,
            426,
            427,
            272,
            308,
            165,
            166,
            155,
            303,
            304,
        ),
        41,
    ),
    "aarch64": (
        0xC00000B7,
        (
            117,
            270,
            271,
            272,
            438,
            217,
            218,
            219,
            280,
            241,
            282,
            425,
            426,
            427,
            97,
            268,
            40,
            39,
            41,
            264,
            265,
        ),
        198,
    ),
}


class Invalid(Exception):
    """The plugin does not keep its interface."""


def main() -> None:
    """Wait, run, answer."""
    answers = os.dup(1)
    os.set_inheritable(answers, False)
    os.dup2(2, 1)  # what a plugin prints is log
    _walls()
    os.write(answers, b"R")
    line = sys.stdin.buffer.readline(MAX_LINE)
    if not line.endswith(b"\n"):
        os._exit(0)  # nobody is there any more
    nothing = os.open("/dev/null", os.O_RDWR)
    os.dup2(nothing, 0)
    call = json.loads(line)
    head: dict[str, Any] = {"status": "ok"}
    body: list[bytes] = []
    try:
        os.environ.clear()
        os.environ.update(call["env"])
        _keep(call.pop("credentials"))
        if call["egress"]:
            _relay()
        body.append(_result(_run(call)))
        if call["keep"]:
            names, contents = _files(call["max_files"], call["max_output"])
            head["files"] = names
            body += contents
        if len(body[0]) > call["max_result"]:
            raise Invalid(f"the result is larger than {call['max_result']} bytes")
    except Invalid as fault:
        head, body = {"status": "invalid", "said": str(fault)}, []
    except BaseException as error:
        _flushed(traceback.print_exc)
        head = {"status": "raised", "said": type(error).__name__, "errno": _errno(error)}
        body = []
    head["nonce"] = call["nonce"]
    head["result"] = len(body[0]) if body else 0
    _flushed(sys.stdout.flush)
    # The engine hands log and answer on side by side: by this whoever reads knows that the log is whole.
    _flushed(lambda: _write(2, call["nonce"].encode()))
    # The first name of an exception may be any text: ASCII escapes keep it on one line.
    _write(answers, json.dumps(head).encode() + b"\n" + b"".join(body))
    os._exit(0)  # process 1 ends, and the kernel ends every other one with it


def _keep(credentials: dict[str, Any]) -> None:
    """A file for each kind, before any code of the plugin is loaded; only this user may read it."""
    for kind, secret in credentials.items():
        path = f"{CREDENTIALS}/{kind}.json"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
        _write(handle, json.dumps(secret).encode())
        os.close(handle)


def _run(call: dict[str, Any]) -> Any:
    with open(PAYLOAD, "rb") as file:
        payload = json.load(file)
    path = f"{SKILL}/{call['entry']}"
    sys.path.insert(0, os.path.dirname(path))
    sys.argv = [path]
    spec = importlib.util.spec_from_file_location("plugin", path)
    if spec is None or spec.loader is None:
        raise Invalid("the entry is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules["plugin"] = module
    spec.loader.exec_module(module)
    run = getattr(module, "run", None)
    if not callable(run):
        raise Invalid("there is no function `run`")
    about = {name: call[name] for name in ("session_id", "agent_id", "skill_name")}
    try:
        inspect.signature(run).bind(payload, **about)
    except (TypeError, ValueError):
        raise Invalid("`run` must take (payload, *, session_id, agent_id, skill_name)") from None
    return run(payload, **about)


def _result(answer: Any) -> bytes:
    if not isinstance(answer, dict):
        raise Invalid("`run` must return {display, data?}")
    try:
        return json.dumps(answer, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as fault:
        raise Invalid(f"the result is no JSON ({type(fault).__name__})") from None


def _files(most: int, size: int) -> tuple[list[list[Any]], list[bytes]]:
    names: list[list[Any]] = []
    contents: list[bytes] = []
    for root, folders, files in os.walk(OUTPUT):
        for name in sorted([*folders, *files]):
            path = os.path.join(root, name)
            kind = os.lstat(path).st_mode
            if stat.S_ISDIR(kind):
                continue
            shown = os.path.relpath(path, OUTPUT)
            if not stat.S_ISREG(kind):
                raise Invalid(f"/output/{shown[:100]} is no plain file")
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                content = file.read(size + 1)
            size -= len(content)
            names.append([shown, len(content)])
            contents.append(content)
            if size < 0 or len(names) > most:
                raise Invalid("/output holds more than may be kept")
    return names, contents


def _relay() -> None:
    """A proxy on the loopback of this container that is the platform's proxy: what speaks HTTP knows no sockets."""
    server = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{server.getsockname()[1]}"
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = address

    def serve() -> None:
        while True:
            near, _ = server.accept()
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(PROXY)
            except OSError:
                near.close()
                continue
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_pump, args=(source, target), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def _errno(error: BaseException) -> int | None:
    number = getattr(error, "errno", None)
    return number if type(number) is int else None


def _flushed(say: Any) -> None:
    try:
        say()
        sys.stderr.flush()
    except BaseException:
        pass


def _write(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _walls() -> None:
    """What the engine's seccomp profile leaves open, closed for this process and all that come of it.

    Nothing in here looks into another process or leaves its memory behind, and sockets are those of the loopback,
    of files and of routing: vsock reaches a hypervisor past any network namespace, alg and the rest reach the kernel.
    Whoever cannot build these walls does not run.
    """
    machine = os.uname().machine
    arch, denied, opens = _CALLS[machine]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_void_p] * 4]
    program = _program(arch, denied, opens)
    buffer = ctypes.create_string_buffer(program)
    head = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    if libc.prctl(4, 0, 0, 0, 0) or libc.prctl(
        22, 2, head, 0, 0
    ):  # PR_SET_DUMPABLE, PR_SET_SECCOMP
        raise OSError(ctypes.get_errno(), "no walls")


def _program(arch: int, denied: tuple[int, ...], opens: int) -> bytes:
    """A seccomp filter: each instruction is (code, jump if true, jump if false, value)."""
    load, equal, least, answer = 0x20, 0x15, 0x35, 0x06
    allow, refuse, no_family = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 97  # EPERM, EAFNOSUPPORT
    tail = [
        (answer, 0, 0, allow),
        (answer, 0, 0, refuse),
        (load, 0, 0, 16),  # the first argument of socket()
        *((equal, len(FAMILIES) - at, 0, family) for at, family in enumerate(FAMILIES)),
        (answer, 0, 0, no_family),
        (answer, 0, 0, allow),
    ]
    tests = [(least, 0x40000000, 1), *((equal, number, 1) for number in denied), (equal, opens, 2)]
    body = [
        (code, len(tests) - 1 - at + to, 0, value) for at, (code, value, to) in enumerate(tests)
    ]
    begin = [(load, 0, 0, 4), (equal, 1, 0, arch), (answer, 0, 0, refuse), (load, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *one) for one in (*begin, *body, *tail))


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    main()
