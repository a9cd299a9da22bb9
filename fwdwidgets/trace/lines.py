"""Which lines of user code a forward pass runs, call by call, as it runs.

The steps of a trace tell only of lines with an operation; a line such as `scale = 2` runs unseen.
Python's own line events tell of all of them, and no part of the model is changed for it.
"""

from __future__ import annotations

import sys
import types
from collections.abc import Callable
from typing import Any

from fwdwidgets.trace.recorder import Recorder, in_torch


class Visit:
    """One call of a user's function during a forward pass.

    Attributes:
        code: of the function.
        module: the qualified name of the module that it is a method of, `""` for the model
            itself; None where it is no method of a module of the model.
        caller: the visit that it was called from, None for the first.
        events: each line that was begun, with the instruction it was begun at.
    """

    __slots__ = ("_raised", "_spans", "caller", "code", "events", "leave", "module")

    def __init__(
        self,
        code: types.CodeType,
        module: str | None,
        caller: Visit | None,
        leave: Callable[[], None],
    ) -> None:
        """Made by a `LineWatch`, which is told by `leave` that the call has ended."""
        self.code, self.module, self.caller = code, module, caller
        self.events: list[tuple[int, int]] = []
        self.leave: Callable[[], None] | None = leave
        self._spans: list[tuple[int, int]] = []  # several of a generator, which goes on
        self._raised = False

    def follow(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """Python's trace function of this call."""
        if event == "line":
            self.events.append((frame.f_lineno, frame.f_lasti))
            self._raised = False  # what was raised before was caught
        elif event == "exception":
            self._raised = True
        elif event == "return" and self.leave:
            self.leave()
        return self.follow

    def lasted(self, start: int, stop: int) -> None:
        """Note the steps that were made while it ran: from index `start` to before `stop`."""
        self._spans.append((start, stop))

    def holds(self, step: int, *, failed: bool) -> bool:
        """Whether the step of this index, or the failure in its place, is of this call.

        Steps of what it called are its own as well.
        """
        more = failed and self._raised
        return any(start <= step < stop + more for start, stop in self._spans)


class LineWatch:
    """Watches the lines that a forward pass runs: `Tracer(watch=LineWatch())`.

    A debugger that was at work is put back behind the forward pass; one that starts in it stays.

    Attributes:
        visits: the calls of users' functions in the last forward pass, in the order they began.
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self._open: list[tuple[Visit, int]] = []
        self._before: Any = None
        self._recorder: Recorder | None = None

    def __call__(self, recorder: Recorder) -> LineWatch:
        """Take the recorder of the forward pass that begins."""
        self._recorder = recorder
        self.visits, self._open = [], []
        return self

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._called)

    def __exit__(self, *exception: object) -> None:
        if sys.gettrace() == self._called:
            sys.settrace(self._before)
        while self._open:  # a debugger took over, and no end was told
            self._leave()
        for visit in self.visits:
            visit.leave = None
        self._recorder = self._before = None

    def _called(self, frame: types.FrameType, _: str, __: Any) -> Any:
        """Python's trace function: a function is called, or a generator goes on."""
        code = frame.f_code
        if code.co_filename == __file__ or in_torch(code):
            return None
        visit = getattr(frame.f_trace, "__self__", None)
        if not isinstance(visit, Visit) or visit.leave is None:
            caller = self._open[-1][0] if self._open else None
            visit = Visit(code, self._module_of(frame), caller, self._leave)
            self.visits.append(visit)
        self._open.append((visit, self._steps()))
        return visit.follow

    def _leave(self) -> None:
        visit, start = self._open.pop()
        visit.lasted(start, self._steps())

    def _steps(self) -> int:
        return len(self._recorder.records) if self._recorder else 0

    def _module_of(self, frame: types.FrameType) -> str | None:
        first = next(iter(frame.f_code.co_varnames), "")  # usually self
        return self._recorder.name_of(frame.f_locals.get(first)) if self._recorder else None
