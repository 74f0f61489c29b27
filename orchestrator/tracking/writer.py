"""Write W&B runs offline: no key, no network, no prompt. A run that was cut short is written again from the start."""

from __future__ import annotations

import contextlib
import io
import shutil
from typing import Any

from orchestrator.tracking.client import import_wandb, keep_temporary_files, leave_out_jobs
from orchestrator.tracking.content import CONFUSION, RunContent, Table
from orchestrator.tracking.folder import WandbFolder, keep_inside, run_id


class Writer:
    """Writes runs into the folder of one sweep; one at a time, in one process."""

    def __init__(self, folder: WandbFolder, project: str) -> None:
        keep_inside(folder)
        self._wandb: Any = import_wandb()
        self._folder, self._project = folder, project

    def write(self, content: RunContent) -> None:
        """Write a whole run and note that it is whole."""
        with keep_temporary_files():
            self._write(content)
        self.note_written(content.key)

    def _write(self, content: RunContent) -> None:
        run = self.open(content)
        try:
            self.fill(run, content)
        except BaseException:
            with contextlib.suppress(Exception):
                run.finish(exit_code=1)
            raise
        run.finish()

    def open(self, content: RunContent) -> Any:
        """Begin a run anew, with nothing logged yet."""
        self.discard(content.key)
        with leave_out_jobs():
            return self._wandb.init(
                project=self._project,
                group=content.group,
                job_type=content.job_type,
                name=content.name,
                id=content.id,
                tags=list(content.tags),
                config=dict(content.config),
                mode="offline",
                reinit="create_new",
                settings=self._settings(),
            )

    def note_written(self, key: str) -> None:
        """Note that a run is whole."""
        self._folder.add_written(key)

    def declare_axis(self, run: Any, prefix: str, axis: str) -> None:
        """Let the metrics that begin so be drawn over another."""
        run.define_metric(axis)
        run.define_metric(f"{prefix}/*", step_metric=axis)

    def discard(self, key: str) -> None:
        """Remove what is there of a run: written twice, its rows would stand twice."""
        for folder in self._folder.path.glob(f"wandb/*-{run_id(self._folder.sweep.sweep_id, key)}"):
            shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """End the process that W&B has started."""
        self._wandb.teardown()

    def fill(self, run: Any, content: RunContent) -> None:
        """Log everything that a run holds."""
        for prefix, axis in content.axes.items():
            self.declare_axis(run, prefix, axis)
        for entries in content.histories.values():
            for entry in entries:
                run.log(dict(entry))
        shown = {name: self._image(png) for name, png in content.images.items()}
        shown |= {name: self._confusion(name, table) for name, table in content.confusion.items()}
        shown |= {name: self._table(table) for name, table in content.tables.items()}
        if shown:
            run.log(shown)
        for name, files in content.files.items():
            artifact = self._wandb.Artifact(name, type="results")
            for file in files:
                artifact.add_file(str(file), name=file.name)
            run.log_artifact(artifact)
        run.summary.update(dict(content.summary))

    def _image(self, png: bytes) -> Any:
        from PIL import Image

        return self._wandb.Image(Image.open(io.BytesIO(png)))

    def _table(self, table: Table) -> Any:
        return self._wandb.Table(columns=list(table.columns), data=[list(row) for row in table.rows])

    def _confusion(self, name: str, table: Table) -> Any:
        fields = {column: column for column in table.columns}
        title = {"title": name.replace("_", " ")}
        return self._wandb.plot_table(CONFUSION, self._table(table), fields, title)

    def _settings(self) -> Any:
        return self._wandb.Settings(
            root_dir=str(self._folder.path),
            console="off",
            silent=True,
            x_disable_stats=True,
            x_disable_machine_info=True,
            disable_git=True,
            disable_code=True,
            x_save_requirements=False,
            init_timeout=10,
            finish_timeout=20,
            x_transaction_log_flush_interval=1,
        )
