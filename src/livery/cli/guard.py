"""The rim of the terminal door: every way a command can end becomes a sentence and an exit code."""

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from typer.core import TyperGroup

from livery.cli import alerts, exits
from livery.cli.output import OutputLost, told_apart
from livery.cli.screen import Screen
from livery.client import ApiProblem, RunDenied
from livery.disk import FULL
from livery.manifest.errors import LiveryError

JSON_FLAG, DEBUG_FLAG = "--json", "--debug"


class GuardedGroup(TyperGroup):
    """The root command. `--debug` is understood anywhere on the line and shows the traceback of what nobody foresaw."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and exit with its code."""
        words, debug, as_json = _switches(sys.argv[1:] if args is None else args)
        with told_apart():
            _print_anything()
            self._run(
                words,
                debug,
                as_json,
                prog_name=prog_name,
                complete_var=complete_var,
                standalone_mode=standalone_mode and not as_json,
                windows_expand_args=windows_expand_args,
                **extra,
            )

    def _run(self, words: list[str], debug: bool, as_json: bool, **options: Any) -> None:
        try:
            code = super().main(words, **options)
            sys.exit(code if isinstance(code, int) else exits.DONE)
        except KeyboardInterrupt:
            _interrupted()
        except SystemExit as end:
            if end.code == exits.INTERRUPTED:
                _interrupted()
            raise
        except OutputLost as lost:
            _lost(lost)
        except Exception as error:
            if debug and not _is_foreseen(error):
                raise
            try:
                code = report(error, as_json=as_json)
            except OutputLost as lost:
                _lost(lost)
            sys.exit(code)


def report(error: Exception, *, as_json: bool) -> int:
    """Say what happened, as a panel or as one JSON document, and return the exit code."""
    screen = Screen()
    if isinstance(error, OSError) and error.errno in FULL:
        error = _no_room(error)
    if as_json:
        document, code = _document(error)
        screen.document(document)
        return code
    if isinstance(error, LiveryError):
        screen.err.print(alerts.error_panel(error))
        return exits.of_error(error)
    screen.err.print(alerts.crash_panel(error))
    return exits.FAILED


def _is_foreseen(error: Exception) -> bool:
    """A refusal, or a command line that cannot be understood: it says what to do, a traceback hides that."""
    return isinstance(error, LiveryError) or hasattr(error, "format_message")


def _no_room(error: OSError) -> LiveryError:
    return LiveryError(
        "unavailable",
        f"Nothing could be written: {error}.",
        remedy="Make room on that disk, then run the command again. `livery doctor` says how much is free.",
    )


def _document(error: Exception) -> tuple[dict[str, Any], int]:
    if isinstance(error, RunDenied):
        return dict(error.envelope), exits.of_error(error)
    if isinstance(error, ApiProblem):
        return error.document, exits.of_error(error)
    if isinstance(error, LiveryError):
        return error.problem(""), exits.of_error(error)
    usage = getattr(error, "format_message", None)  # what Typer raises for a bad command line
    if usage is not None:
        found = exits.UsageError(str(usage()))
        return found.problem(""), exits.USAGE
    unforeseen = LiveryError("internal_error", f"{type(error).__name__}: {error}")
    return unforeseen.problem(""), exits.FAILED


def _switches(args: Sequence[str]) -> tuple[list[str], bool, bool]:
    words = list(args)
    end = words.index("--") if "--" in words else len(words)
    options, rest = words[:end], words[end:]
    debug, as_json = DEBUG_FLAG in options, JSON_FLAG in options
    return [w for w in options if w != DEBUG_FLAG] + rest, debug, as_json


def _lost(lost: OutputLost) -> NoReturn:
    if lost.unread:  # `| head` has read what it wanted
        sys.exit(exits.FAILED)
    sys.stderr.write(
        f"The answer could not be written to standard output: {lost}. What was asked may be done.\n"
    )
    sys.exit(exits.OUTPUT_LOST)


def _interrupted() -> None:
    sys.stderr.write("\nInterrupted.\n")
    sys.exit(exits.INTERRUPTED)


def _print_anything() -> None:
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")  # a terminal without UTF-8 shows `?`, not a traceback
