"""Signing a stage: who signs in which role. Nothing here is pressed by Enter from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from planner.workflow.status import Signature, StageStatus, Status
from viewers.panels.look import colour
from viewers.panels.parts import PlainLabel, button, clear, row
from viewers.panels.words import role_word
from viewers.state.theme import STAGE_MARKS


def signature_line(signature: Signature) -> str:
    mark, word = ("✓", "") if signature.current else ("↻", " — stale: changed since")
    second = " (second person)" if signature.meaning == "second-person" else ""
    return f"{mark} {role_word(signature.role)}: {signature.by}, {signature.at:%Y-%m-%d %H:%M}{second}{word}"


class SignBar(QWidget):
    """Names once per role, a button per missing role, and previous / next.

    Parameters
    ----------
    sign
        (role, name) -> a sentence why not, or None.
    time_out
        (names) -> a sentence why not, or None.
    step
        +1 next stage, -1 previous one.
    """

    def __init__(
        self,
        *,
        sign: Callable[[str, str], str | None],
        withdraw: Callable[[str], str | None],
        time_out: Callable[[Sequence[str]], str | None],
        step: Callable[[int], object],
    ) -> None:
        super().__init__()
        self._sign, self._withdraw, self._time_out = sign, withdraw, time_out
        self.names: dict[str, QLineEdit] = {}
        self.buttons: dict[str, QWidget] = {}
        self.remembered: dict[str, str] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 4, 0, 0)
        self.state = PlainLabel("", wrap=True)
        self._layout.addWidget(self.state)
        self._rows = QVBoxLayout()
        self._layout.addLayout(self._rows)
        self.problem = PlainLabel("", role="unverified", wrap=True)
        self._layout.addWidget(self.problem)
        self.previous = button("◂ Previous", lambda: step(-1), tip="Ctrl+←")
        self.next = button("Next ▸", lambda: step(1), tip="Ctrl+→")
        self._layout.addWidget(row(self.previous, self.next))
        self._shape: tuple[object, ...] = ()

    def show_status(self, status: StageStatus, overrides: int, time_out: str | None) -> None:
        """Show how far a stage is signed.

        Parameters
        ----------
        overrides
            Open overrides of the whole session, printed on the button.
        time_out
            For the time-out stage: what was recorded, or an empty string while it was not; None for other stages.
        """
        mark = STAGE_MARKS[status.status.value]
        self.state.setText(f"{mark.shape} {mark.word}" + (" · frozen by the time-out" if status.frozen else ""))
        colour(self.state, text=mark.colour)
        shape = (status.stage.id, status.signatures, status.missing_roles, overrides, time_out, status.status)
        if shape != self._shape:
            if shape[0] != (self._shape or (None,))[0]:
                self.problem.setText("")
            self._shape = shape
            self._rebuild(status, overrides, time_out)
        for role, made in self.buttons.items():
            made.setEnabled(status.can_sign or role == "time-out")

    def _rebuild(self, status: StageStatus, overrides: int, time_out: str | None) -> None:
        clear(self._rows)
        self.names, self.buttons = {}, {}
        for signature in status.signatures:
            line = PlainLabel(signature_line(signature), wrap=True)
            if status.frozen:
                self._rows.addWidget(line)
                continue
            withdraw = button("Withdraw", lambda role=signature.role: self._say(self._withdraw(role)))
            self._rows.addWidget(row(line, withdraw, stretch=False))
        again = (
            [] if status.status is not Status.STALE else [each.role for each in status.signatures if not each.current]
        )
        for role in dict.fromkeys([*status.missing_roles, *again]):
            self._add_role(role, overrides)
        if time_out == "":
            self._add_time_out()
        elif time_out:
            self._rows.addWidget(PlainLabel(time_out, wrap=True))
        if not status.stage.signs:
            self._rows.addWidget(PlainLabel("Nobody signs this stage.", role="quiet"))

    def _add_role(self, role: str, overrides: int) -> None:
        name = QLineEdit(self.remembered.get(role, ""))
        name.setPlaceholderText(f"Name of the {role_word(role)}")
        count = f" ({overrides} override{'s' if overrides != 1 else ''})" if overrides else ""
        made = button(f"Sign as {role_word(role)}{count}", lambda: self._press(role), primary=True)
        self._rows.addWidget(row(name, made, stretch=False))
        self.names[role], self.buttons[role] = name, made

    def _add_time_out(self) -> None:
        names = QLineEdit()
        names.setPlaceholderText("Names of all who took part, separated by commas")
        made = button("Record the time-out: freezes the plan", self._press_time_out, primary=True)
        self._rows.addWidget(names)
        self._rows.addWidget(row(made))
        self.names["time-out"], self.buttons["time-out"] = names, made

    def _press(self, role: str) -> None:
        name = self.names[role].text().strip()
        self.remembered[role] = name
        self._say(self._sign(role, name))

    def _press_time_out(self) -> None:
        names = [each.strip() for each in self.names["time-out"].text().split(",") if each.strip()]
        self._say(self._time_out(names))

    def _say(self, refusal: str | None) -> None:
        self.problem.setText(refusal or "")
