"""The history of a case: revisions, papers that exist, and the audit trail with whether its chain is unbroken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from PySide6.QtWidgets import QDialog, QTabWidget, QVBoxLayout, QWidget

from planner.store.audit import AuditEntry, ChainReport
from planner.store.library import PrintRecord, RevisionInfo
from viewers.panels.parts import PlainLabel, button, row, sized
from viewers.panels.tables import text_table


def local_time(stamp: str) -> str:
    """A stored moment (UTC) as the clock on the wall shows it."""
    return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def outdated_paper(prints: Sequence[PrintRecord], revision: int) -> str | None:
    """The sentence about the newest paper when the plan has moved on since."""
    if not prints or prints[0].revision >= revision:
        return None
    newest = prints[0]
    return (
        f"A paper of revision {newest.revision} was printed on {local_time(newest.printed_at)[:16]}; the case is at "
        f"revision {revision} now. Compare before using the paper."
    )


class HistoryDialog(QDialog):
    """Nothing here can be changed."""

    def __init__(
        self,
        revisions: Sequence[RevisionInfo],
        prints: Sequence[PrintRecord],
        trail: Sequence[AuditEntry],
        chain: ChainReport,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("History of the case")
        layout = QVBoxLayout(self)
        layout.addWidget(PlainLabel("History of the case", role="title"))
        self.chain = PlainLabel(chain.text, role="quiet" if chain.intact else "unverified", wrap=True)
        layout.addWidget(self.chain)
        tabs = QTabWidget()
        self.revisions = text_table(
            ("Revision", "Saved", "By", "Why", "State", "Digest"),
            [
                (
                    str(each.revision),
                    local_time(each.saved_at),
                    each.author,
                    each.reason,
                    "current" if each.is_head else "branch, kept" if each.is_branch else "",
                    each.sha256[:12],
                )
                for each in revisions
            ],
        )
        self.prints = text_table(
            ("No.", "Revision", "Printed", "By", "What"),
            [(str(p.number), str(p.revision), local_time(p.printed_at), p.printed_by, p.what) for p in prints],
        )
        self.trail = text_table(
            ("No.", "When", "Who", "Where", "What", "On"),
            [(str(e.counter), local_time(e.at), e.user, e.workstation, e.action, e.object) for e in reversed(trail)],
        )
        tabs.addTab(self.revisions, f"Revisions ({len(revisions)})")
        tabs.addTab(self.prints, f"Papers ({len(prints)})")
        tabs.addTab(self.trail, f"Audit trail ({len(trail)})")
        layout.addWidget(tabs, 1)
        layout.addWidget(row(button("Close", self.accept)))
        sized(self, 60, 37)
