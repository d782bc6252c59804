"""`docmill flows`: what there is to run, and new flows from files."""
# ruff: noqa: D417 - the options that many commands share say in options.py what they do

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from docmill.cli.failures import DONE, UsageError, report
from docmill.cli.options import DOCUMENTS, LOCAL, AsJson, Server
from docmill.cli.output import json_line, json_pretty, local, printable, table, utc

app = App(name="flows", group=DOCUMENTS, version_flags=[], help="Show flows, and create them from files.")


@app.command(name="list")
async def list_flows(*, json: AsJson = False, server: Server = LOCAL) -> None:
    """List the flows the key may use, at their current versions."""
    async with server.connect() as docmill:
        found = [flow async for flow in docmill.flows.list(include_hidden=True)]
    if json:
        for flow in found:
            json_line(
                {
                    "id": flow.id,
                    "name": flow.name,
                    "description": flow.description,
                    "version": flow.version,
                    "createdAt": utc(flow.created_at),
                    "updatedAt": utc(flow.updated_at),
                }
            )
        return
    rows = [(flow.id, flow.version, flow.name, flow.description) for flow in found]
    table(["FLOW", "VERSION", "NAME", "DESCRIPTION"], rows, nothing="There are no flows.")


@app.command
async def show(flow: str, /, *, version: str = "", json: AsJson = False, server: Server = LOCAL) -> None:
    """Show a flow: what it accepts, its variables, its output and its recipe.

    Args:
        flow: Id of the flow.
        version: Version to show; the current one when not given.
    """
    async with server.connect() as docmill:
        found = await docmill.flows.get(flow, version=version)
    config = found.config
    facts: dict[str, Any] = {
        "id": found.id,
        "name": found.name,
        "description": found.description,
        "version": found.version,
        "versions": list(found.versions),
        "hidden": found.hidden,
        "createdAt": utc(found.created_at),
        "updatedAt": utc(found.updated_at),
        "config": {
            "supportedFormats": list(config.supported_formats),
            "maxFileSizeMB": config.max_file_size_mb,
            "maxPages": config.max_pages,
            "estimatedCreditsPerPage": config.estimated_credits_per_page,
        },
        "inputSchema": found.input_schema,
        "outputSchema": found.output_schema,
        "definition": found.definition,
    }
    if json:
        json_line(facts)
        return
    print(f"{printable(found.name)} ({found.id} {found.version}, {local(found.updated_at)})")
    if found.description:
        print(printable(found.description))
    print(f"versions:  {', '.join(found.versions)}")
    print(f"accepts:   {', '.join(config.supported_formats)}")
    print(f"up to:     {config.max_pages} pages, {config.max_file_size_mb} MiB")
    for title, schema in (("variables", found.input_schema), ("output", found.output_schema)):
        if schema:
            print(f"{title}:")
            json_pretty(schema)
    print("recipe:")
    json_pretty(found.definition)


@app.command
async def apply(*files: Annotated[Path, Parameter(required=True)], json: AsJson = False, server: Server = LOCAL) -> int:
    """Create the flow versions of flow files that are not there yet.

    A version that is there with the same content stays as it is, so files can be applied again and again. Versions
    never change: one that is there with other content is refused, and the others are created all the same.

    Args:
        files: YAML or JSON files with flow versions, or folders of such files.
    """
    missing = [str(file) for file in files if not file.exists()]
    if missing:
        raise UsageError(f"no such file: {', '.join(missing)}")
    from docmill.cli.publish import Refused, publish  # noqa: PLC0415 - gRPC loads in the commands that talk to docmill
    from docmill.engine.flow_files import load_flow_files  # noqa: PLC0415 - YAML loads here only

    specs = load_flow_files(files)
    if not specs:
        raise UsageError(f"there is no flow in {', '.join(str(file) for file in files)}")
    code = DONE
    async with server.connect() as docmill:
        for spec in specs:
            try:
                result, found = await publish(docmill, spec)
            except Refused as refusal:
                code = report(refusal, as_json=json)
                continue
            if json:
                facts = {"id": found.id, "version": found.version, "result": result, "versions": list(found.versions)}
                json_line(facts)
            else:
                print(f"{result} {found.id} {found.version}")
    return code
