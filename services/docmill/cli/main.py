"""`docmill`: every command, and what happens when one fails.

Exit codes:
  0    done; every run succeeded
  1    a run failed or was cancelled, or `doctor` found something missing or wrong
  2    the command line is wrong: an unknown option, a value that cannot be right, a file that is not there
  3    docmill cannot be reached; in operator commands: its database or its bus
  4    the API key is missing or wrong, or lacks a scope
  5    docmill refused: no such thing, a thing in the wrong state, a request or a setting that cannot be right
  6    docmill failed or is overloaded: try again
  130  interrupted (Ctrl-C)

Errors are one line on stderr; with `--json` a JSON object `{"error": {"reason", "message", "details"}}` on stderr.
"""

import inspect
import os
import sys
from collections.abc import Sequence
from importlib.metadata import version

from cyclopts import App, CycloptsError, MissingArgumentError, Parameter, UnknownCommandError

from docmill.cli import accounts, batch, deliveries, evaluate, flows, run, runs, system, usage
from docmill.cli import credits as credits_
from docmill.cli.failures import DONE, UsageError, report
from docmill.cli.options import DOCUMENTS, OPERATION

_HELP = """Documents in, data out.

Start everything on this machine with `docmill up`, then run a flow over documents with `docmill run FLOW FILE...`.
"""

_EPILOGUE = """Exit codes: 0 done, 1 a run failed or was cancelled, 2 wrong command line, 3 docmill cannot be reached,
4 API key missing, wrong or without the scope, 5 docmill refused, 6 docmill failed, 130 interrupted."""


def _worth_showing(default: object) -> object:
    return None if default in ("", False) else default


app = App(
    name="docmill",
    help=_HELP,
    help_format="markdown",
    help_epilogue=_EPILOGUE,
    version=lambda: version("docmill"),
    default_parameter=Parameter(negative="", show_default=_worth_showing),
    print_error=False,
    exit_on_error=False,
    suppress_keyboard_interrupt=False,
    result_action="return_value",
)

app.command(run.run, group=DOCUMENTS, version_flags=[])  # --version is the flow's
app.command(run.watch, group=DOCUMENTS)
app.command(batch.batch, group=DOCUMENTS)
app.command(batch.app)
app.command(run.cancel, group=DOCUMENTS)
app.command(evaluate.evaluate, name="eval", group=DOCUMENTS, version_flags=[])
app.command(runs.app)
app.command(deliveries.app)
app.command(flows.app)
app.command(usage.usage, group=DOCUMENTS)
app.command(system.up, group=OPERATION)
app.command(system.serve, group=OPERATION)
app.command(system.migrate, group=OPERATION)
app.command(system.config, group=OPERATION)
app.command(system.doctor, group=OPERATION)
app.command(accounts.orgs)
app.command(accounts.keys)
app.command(credits_.app)


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line, or `tokens` in its place; the exit code."""
    words = list(sys.argv[1:] if tokens is None else tokens)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # before gRPC loads: its log lines say what our errors say
    try:
        return app(words) or DONE
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if isinstance(error, CycloptsError):
            error = _usage_error(error)
        return report(error, as_json="--json" in words)


def _usage_error(error: CycloptsError) -> UsageError:
    """What cyclopts found wrong, and the help page that says what is right."""
    command = " ".join(("docmill", *(error.command_chain or ())))
    wrong = str(error)
    if isinstance(error, MissingArgumentError) and error.argument is not None:
        if error.keyword:
            wrong = f"{error.keyword} needs a value."
        else:
            wrong = f"{error.argument.name} is missing ({command} {_required(error.app)})."
    elif isinstance(error, UnknownCommandError) and error.unused_tokens and error.unused_tokens[0].startswith("-"):
        wrong = f"Unknown option: {error.unused_tokens[0]}; options come after the command."
    return UsageError(f"{wrong} Try: {command} --help")


def _required(command: App | None) -> str:
    """What a command cannot do without: `FLOW FILES...`, `--org ORG`."""
    words = []
    for argument in command.assemble_argument_collection() if command else ():
        if argument.required:
            many = "..." if argument.field_info.kind is inspect.Parameter.VAR_POSITIONAL else ""
            value = "" if argument.field_info.is_positional else f" {argument.name.lstrip('-').upper()}"
            words.append(f"{argument.name}{value}{many}")
    return " ".join(words)
