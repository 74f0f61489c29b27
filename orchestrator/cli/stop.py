"""`stop`: end the Ray job of a sweep in order."""

from typing import Annotated

import typer

from orchestrator.cli.options import SweepArgument


def stop(
    sweep: SweepArgument,
    address: Annotated[str, typer.Option(envvar="ADVSWEEP_ADDRESS", help="The cluster's http://HEAD:8265.")],
) -> None:
    """End the Ray job of a sweep in order; the same launch continues it.

    \b
    Example:
      advsweep stop digits --address http://HEAD:8265
    """
    from orchestrator.cluster.address import parse_address
    from orchestrator.remote.ray_jobs import RayJobs

    jobs = RayJobs(parse_address(address))
    job = jobs.find(sweep)
    if job.over:
        typer.echo(f"{job.sweep_id}: Ray job {job.id} has ended already: {job.status.lower()}")
        return
    jobs.stop(job.id)
    typer.echo(f"{job.sweep_id}: Ray job {jobs.ended(job.id).id} is stopped; nothing finished is lost")
