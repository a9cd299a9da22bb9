"""Which lines of user code a forward pass runs, call by call, as it runs.

The steps of a trace show only lines with an operation; a line such as `scale = 2` runs unseen.
Python's own line events show every line, without a change to the model.
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
        module: the qualified name of the module whose method it is, `""` for the model itself;
            None if it is not a method of a module of the model.
        caller: the visit that it was called from; None for the first.
        events: each line that was started, with the instruction at which it started.
    """

    __slots__ = ("_raised", "_spans", "caller", "code", "events", "leave", "module")

    def __init__(
        self,
        code: types.CodeType,
        module: str | None,
        caller: Visit | None,
        leave: Callable[[], None],
    ) -> None:
        """Made by a `LineWatch`, whose `leave` is called when the call has ended."""
        self.code, self.module, self.caller = code, module, caller
        self.events: list[tuple[int, int]] = []
        self.leave: Callable[[], None] | None = leave
        self._spans: list[tuple[int, int]] = []  # a generator has several: it resumes
        self._raised = False

    def follow(self, frame: types.FrameType, event: str, _: Any) -> Any:
        """Python's trace function of this call."""
        if event == "line":
            self.events.append((frame.f_lineno, frame.f_lasti))
            self._raised = False  # an earlier exception was caught
        elif event == "exception":
            self._raised = True
        elif event == "return" and self.leave:
            self.leave()
        return self.follow

    def lasted(self, start: int, stop: int) -> None:
        """Record the steps made while it ran: from index `start` up to but not including `stop`."""
        self._spans.append((start, stop))

    def holds(self, step: int, *, failed: bool) -> bool:
        """Whether the step of this index, or the failure at it, belongs to this call.

        Steps made in functions that it called count too.
        """
        more = failed and self._raised
        return any(start <= step < stop + more for start, stop in self._spans)


class LineWatch:
    """Watches the lines that a forward pass runs: `Tracer(watch=LineWatch())`.

    A debugger that is active is restored after the forward pass; one that starts during it stays.

    Attributes:
        visits: the calls of user functions in the last forward pass, in the order they started.
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        self._open: list[tuple[Visit, int]] = []
        self._before: Any = None
        self._recorder: Recorder | None = None

    def __call__(self, recorder: Recorder) -> LineWatch:
        """Take the recorder of the forward pass that is about to start."""
        self._recorder = recorder
        self.visits, self._open = [], []
        return self

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        sys.settrace(self._called)

    def __exit__(self, *exception: object) -> None:
        if sys.gettrace() == self._called:
            sys.settrace(self._before)
        while self._open:  # a debugger took over, and nothing reported the end
            self._leave()
        for visit in self.visits:
            visit.leave = None
        self._recorder = self._before = None

    def _called(self, frame: types.FrameType, _: str, __: Any) -> Any:
        """Python's trace function: a function is called, or a generator resumes."""
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
