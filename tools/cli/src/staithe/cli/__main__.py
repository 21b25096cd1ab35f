"""The `staithe` command."""

import typer

from staithe.cli import document_verbs, stack_verbs
from staithe.cli.access_verbs import access
from staithe.cli.acl_verbs import acl
from staithe.cli.audit_verbs import audit
from staithe.cli.console_verb import console
from staithe.cli.desk_verb import desk
from staithe.cli.dlq_verbs import dlq
from staithe.cli.keys_verbs import keys
from staithe.cli.policy_verbs import policy
from staithe.cli.quarantine_verbs import quarantine
from staithe.cli.rotate_verbs import rotate
from staithe.cli.scan_verbs import reidentify, scan
from staithe.cli.topology_verbs import topology

app = typer.Typer(
    name="staithe", no_args_is_help=True, add_completion=False, rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,  # local variables are content
    help="A secure, event-driven pipeline from your documents to cited, provable answers.",
)  # fmt: skip

for _verb in (
    stack_verbs.up, stack_verbs.down, stack_verbs.run, stack_verbs.status, stack_verbs.doctor,
    document_verbs.publish, document_verbs.ask, document_verbs.search, document_verbs.erase, document_verbs.token,
    console, desk, scan, reidentify,
):  # fmt: skip
    app.command()(_verb)
app.add_typer(access, name="access")
app.add_typer(acl, name="acl")
app.add_typer(audit, name="audit")
app.add_typer(dlq, name="dlq")
app.add_typer(policy, name="policy")
app.add_typer(keys, name="keys")
app.add_typer(quarantine, name="quarantine")
app.add_typer(rotate, name="rotate")
app.add_typer(topology, name="topology")


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
