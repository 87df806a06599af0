"""The strip at the bottom: running work with progress and cancel, what the pointer sees, and what was saved."""

from __future__ import annotations

from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QSizePolicy

from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button
from viewers.state import theme
from viewers.state.jobs import Job, JobRunner, JobState


class JobBar(QFrame):
    """One running job (the newest) with its progress; problems stay until the next message."""

    def __init__(self, jobs: JobRunner) -> None:
        super().__init__()
        colour(self, ground=theme.PANEL)
        self.jobs = jobs
        self.message = PlainLabel()
        self.message.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.progress = QProgressBar()
        self.progress.setRange(0, 1000)
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(10 * self.fontMetrics().height())
        self.cancel = button("Cancel", self._cancel)
        self.under = PlainLabel(role="quiet")
        self.saved = PlainLabel(role="quiet")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 3, 10, 3)
        layout.addWidget(self.message, 1)
        for widget in (self.progress, self.cancel, self.under, self.saved):
            layout.addWidget(widget)
        self._show_running()
        jobs.started.connect(self._on_start)
        jobs.progressed.connect(self._on_progress)
        jobs.ended.connect(self._on_end)

    def say(self, text: str) -> None:
        """One sentence for the operator."""
        self.message.setText(text)
        self.message.setToolTip(text)

    def _show_running(self) -> None:
        running = bool(self.jobs.running)
        self.progress.setVisible(running)
        self.cancel.setVisible(running)

    def _on_start(self, job: Job) -> None:
        self.say(f"{job.title} …")
        self.progress.setValue(0)
        self._show_running()

    def _on_progress(self, job: Job) -> None:
        if self.jobs.running and job is self.jobs.running[-1]:
            self.progress.setValue(round(1000 * job.fraction))
            self.say(f"{job.title}: {job.text}" if job.text else f"{job.title} …")

    def _on_end(self, job: Job) -> None:
        words = {JobState.FINISHED: f"{job.title}: done.", JobState.CANCELLED: f"{job.title}: cancelled."}
        self.say(job.message or words.get(job.state, f"{job.title}: {job.state.value}."))
        self._show_running()

    def _cancel(self) -> None:
        if self.jobs.running:
            self.jobs.running[-1].cancel()
