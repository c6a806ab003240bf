"""The terminal door, put together."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from livery.cli import (
    agents,
    approvals,
    artifacts,
    audit,
    bindings,
    contracts,
    control,
    credentials,
    doctor,
    explain,
    new,
    policies,
    roles,
    run,
    runs,
    skills,
    verify,
    workspaces,
)
from livery.cli.desk import Desk, OpenClient
from livery.cli.digest import command as digest
from livery.cli.guard import GuardedGroup


def build_cli(open_client: OpenClient) -> typer.Typer:
    """The commands of the terminal door.

    `open_client()` is an async context manager that yields a `LiveryClient` of a running platform,
    or of one embedded for the one command. The process commands are added by the caller with
    `app.command(...)`; they end by the same rules (`cli.guard`).
    """
    app = typer.Typer(
        name="livery",
        help="Certified skills, for hire: run a skill under contract, with proof.",
        cls=GuardedGroup,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def main(
        ctx: typer.Context,
        _version: Annotated[
            bool,
            typer.Option("--version", callback=_print_version, is_eager=True, help="The version."),
        ] = False,
        _debug: Annotated[
            bool, typer.Option("--debug", help="Show the traceback of what nobody foresaw.")
        ] = False,
    ) -> None:
        ctx.obj = Desk(open_client)

    run.register(app)
    digest.register(app)
    verify.register(app)
    doctor.register(app)
    app.add_typer(skills.commands(), name="skills")
    app.add_typer(runs.commands(), name="runs")
    app.add_typer(artifacts.commands(), name="artifacts")
    explain.register(app)
    app.add_typer(approvals.commands(), name="approvals")
    app.command("effects")(control.list_effects)
    app.add_typer(control.commands(), name="kill-switch")
    app.add_typer(policies.commands(), name="policies")
    app.add_typer(credentials.commands(), name="credentials")
    app.add_typer(audit.commands(), name="audit")
    app.add_typer(agents.commands(), name="agents")
    app.add_typer(agents.type_commands(), name="agent-types")
    app.add_typer(roles.commands(), name="job-roles")
    app.add_typer(bindings.commands(), name="bindings")
    app.add_typer(workspaces.commands(), name="workspaces")
    app.add_typer(new.commands(), name="new")
    app.add_typer(contracts.commands(), name="contracts")
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            found = version("livery")
        except PackageNotFoundError:
            found = "unknown (not installed)"
        typer.echo(f"livery {found}")
        raise typer.Exit
