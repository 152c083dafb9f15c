"""Commands that take a run out of finsent and an adapter in: ``export`` and ``import``."""

import argparse

from finsent.cli.arguments import MODEL_HELP, SOURCE_HELP, Commands, Printed, add_command, add_run, add_runs_dir
from finsent.runs.find import find_run

#: As in :data:`finsent.report.export.FORMS`, which is slow to import.
_FORMS = ("adapter", "merged", "notebook", "model-card")


def add_commands(commands: Commands) -> None:
    """Add the commands of this module."""
    export = add_command(commands, "export", export_to)
    add_run(export)
    export.add_argument("folder", metavar="DIR", help="a folder that is not there yet, or is empty")
    export.add_argument("--to", choices=_FORMS, default="adapter", help="what to write (default adapter)")
    bring = add_command(commands, "import", import_from)
    where = "an adapter, a checkpoint, or a trainer's output folder; here, or owner/name[@revision] on the model hub"
    bring.add_argument("folder", metavar="FOLDER", help=where)
    bring.add_argument("--checkpoint", default="latest", metavar="N", help="of several: its step (default latest)")
    bring.add_argument("--model", default="", help=f"its base model, if its files do not say: {MODEL_HELP}")
    bring.add_argument("--source", default="embedded", help=f"data to judge it on: {SOURCE_HELP} (default embedded)")
    bring.add_argument("--prompt", default="", help="sujet, or the prompt that it was trained with, with {text} in it")
    bring.add_argument("--name", default="", help="a short name for the run")
    add_runs_dir(bring)


def export_to(options: argparse.Namespace) -> Printed:
    """Write a run in a form that works without finsent: adapter, merged model, notebook, or model card.

    A merged model comes with a certificate: on fixed rows, how often its label is the run's, and how far its
    log-probabilities are from the run's. Each form's README says how it is used.
    Example: ``python -m finsent export latest exported --to merged``
    """
    from finsent.report.export import export_run
    from finsent.report.merged import CERTIFICATE, read_certificate

    run = find_run(options.runs_dir, options.run)
    folder = export_run(run, options.to, options.folder)
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    value = {"run": run.id, "to": options.to, "folder": str(folder), "files": files}
    lines = [str(folder), *(f"  {name}" for name in files)]
    if CERTIFICATE in files:
        value["certificate"] = certificate = read_certificate(folder)
        for way in certificate:
            lines.append(
                f"{way['way']:<34} {way['same_labels']} of {way['n']} labels are the run's, log-probabilities within "
                f"{way['largest_difference']:.4f}"
            )
        lines += [way["warning"] for way in certificate if way["warning"]]
    return Printed(value, "\n".join(lines))


def import_from(options: argparse.Namespace) -> Printed:
    """Make a run of an adapter that was trained elsewhere, to be judged, compared and used like any other.

    It is checked against its base model first: kind, shapes, tokens. Of a trainer's output folder the latest
    checkpoint is taken. From the model hub it is fetched first.
    Example: ``python -m finsent import FOLDER --checkpoint latest --prompt sujet --name "from the notebook"``
    """
    from finsent.runs.adapter_import import Brought, import_adapter

    brought = Brought(options.model, options.source, options.prompt, options.checkpoint, options.name)
    run = import_adapter(options.folder, options.runs_dir, brought)
    value = {"run": run.id, "name": run.title, "folder": str(run.folder), "imported": run.imported, "steps": run.steps}
    lines = [f"{run.title}: {run.folder}", run.warning or "", f"Judge it with: python -m finsent evaluate {run.id}"]
    return Printed(value | {"warning": run.warning}, "\n".join(lines))
