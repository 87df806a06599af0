"""The board meeting in the window: decisions written entry by entry, each a step of undo; later what became of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from planner.app import board
from planner.app.board_suggestions import suggestions
from planner.clinical.results import RuleResult
from planner.errors import OperatorError
from planner.model.disease import BoardDecision, Opinion
from viewers.panels.board_calculator import RuleDialog, result_words
from viewers.panels.board_content import BoardActs, BoardView, board_field, mandatory
from viewers.panels.board_page import BoardPage
from viewers.window.case_board_cover import CasePageCover

if TYPE_CHECKING:
    from viewers.window.case_work import CaseWork
    from viewers.window.main_window import MainWindow

DAYS = ("held_on", "by_when")


class CaseBoard(CasePageCover[BoardPage]):
    """Shows the meetings of the case (Ctrl+Shift+B)."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.decision_id: str | None = None

    def follow(self, work: CaseWork) -> None:
        super().follow(work)
        self.decision_id = None

    def build(self) -> BoardPage:
        return BoardPage(
            BoardActs(
                choose=self.choose,
                add=self.add,
                remove=self.remove,
                write=self.write,
                say_opinion=lambda opinion: self._edit("Opinion", lambda known: board.set_opinion(known, opinion)),
                take_back=self._take_back,
                answer=lambda item, answer: self._edit(
                    "Discussion", lambda known: board.answer_discussion(known, item, answer)
                ),
                carry_out=lambda how, on, why: self._edit(
                    "Decision carried out", lambda known: board.carry_out(known, how, on=on, why=why)
                ),
                outcome=lambda words: self._edit(
                    "Outcome of a decision", lambda known: board.record_outcome(known, words)
                ),
                lead=self._lead,
                growth=self.growth,
                calculate=self.calculate,
                print_minutes=lambda: self.window.dialogs.team.papers.print_minutes(self.decision_id),
                sheet=lambda: self.window.dialogs.team.sheet.toggle(),
                leave=self.leave,
            )
        )

    def fill(self, page: BoardPage, work: CaseWork) -> None:
        page.show_view(self.view(work))

    def view(self, work: CaseWork) -> BoardView:
        """The decision that was chosen, else the newest."""
        case, today = work.opened.case, work.today
        decision = self.decision
        if decision is None:
            return BoardView(case, None, (), (), today)
        known = suggestions(case, decision.held_on or today)
        return BoardView(case, decision, board.missing_entries(decision), known, today)

    @property
    def decision(self) -> BoardDecision | None:
        """The decision on show."""
        decisions = self.case.decisions
        found = next((each for each in decisions if each.id == self.decision_id), None)
        if found is None and decisions:
            found = max(decisions, key=lambda each: each.held_on or date.max)
        self.decision_id = None if found is None else found.id
        return found

    def show_decision(self, decision_id: str) -> None:
        """The page, with a decision on show."""
        self.decision_id = decision_id
        self.show()

    def choose(self, decision_id: str) -> None:
        self.window.finish_typing()
        self.decision_id = decision_id
        self.refresh()

    def add(self) -> None:
        """Prepare a decision for today; the keyboard goes to its question."""
        self.window.finish_typing()
        made = board.new_decision(self.work.today)
        self.decision_id = made.id
        if self.apply("Prepare a decision", lambda: board.put_decision(made)) is None and self.page is not None:
            self.refresh()
            self.page.go_to("question")

    def remove(self) -> None:
        self._edit("Remove a decision", board.remove_decision)

    def write(self, name: str, value: Any) -> str | None:
        """One entry of the decision on show."""
        decision = self.decision
        if decision is None:
            return "Prepare a decision first."
        if name in DAYS:
            value = None if value is None else date.fromisoformat(str(value))
        if name == "decision":
            value = value or ""
        changed = replace(decision, **{name: value})
        return self.apply(f"Board: {board_field(name).label}", lambda: board.put_decision(changed))

    def _edit(self, label: str, make: Any) -> str | None:
        decision = self.decision
        if decision is None:
            return "Prepare a decision first."
        return self.apply(label, lambda: make(decision.id))

    def _lead(self, step_ids: tuple[str, ...], session_ids: tuple[str, ...]) -> str | None:
        decision = self.decision
        if decision is None:
            return None
        changed = replace(decision, step_ids=step_ids, session_ids=session_ids)
        return self.apply("What carries a decision out", lambda: board.put_decision(changed))

    def _take_back(self, opinion: Opinion) -> str | None:
        return self._edit(
            "Take an opinion back", lambda known: board.remove_opinion(known, opinion.discipline, opinion.person)
        )

    def growth(self, lesion_id: str, first_on: date, second_on: date) -> tuple[str, bool]:
        """The sentence of the rule, marked where its constants are unverified; or why there is none."""
        lesion = self.case.lesion(lesion_id)
        if lesion is None:
            return "", False
        try:
            result, words = board.growth_between(lesion, first_on, second_on)
        except OperatorError as error:
            return error.message, False
        between = [
            each.title
            for each in self.case.sessions
            if each.performed_on is not None and first_on <= each.performed_on <= second_on
        ]
        treated = f" (between them: {', '.join(between)})" if between else ""
        unread = "" if result.verified else " [rule tumour_growth: unverified default]"
        return f"{words}{treated}{unread}", True

    def calculate(self, name: str) -> None:
        """The questions behind an entry; the age is that on the day of the meeting."""
        decision, rule_id = self.decision, mandatory()[name].rule
        if decision is None or rule_id is None:
            return
        born, on = self.case.patient.birth_date, decision.held_on or self.work.today
        known = {} if born is None else {"age": on.year - born.year - ((on.month, on.day) < (born.month, born.day))}

        def take(result: RuleResult) -> str | None:
            points = result.outputs["points"].value
            if not isinstance(points, int | float):
                return "There are no points to take over."
            changes: dict[str, Any] = {name: round(points)}
            if name == "charlson" and not decision.comorbidity:
                changes["comorbidity"] = f"Charlson: {result_words(result)}"
            changed = replace(self.decision or decision, **changes)
            return self.apply(f"Board: {board_field(name).label}", lambda: board.put_decision(changed))

        self.open_dialog(RuleDialog(rule_id, known, take, self.window))
