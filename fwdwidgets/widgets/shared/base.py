"""What all widgets share: strict keywords, a message line, controls linked to traits."""

from __future__ import annotations

import difflib
import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets

from fwdwidgets.widgets.shared.controls import html, shows, slider
from fwdwidgets.widgets.shared.frame import Frame

if TYPE_CHECKING:
    from fwdwidgets.widgets.shared.network_view import NetworkView


class ForwardWidget(ipywidgets.VBox):  # type: ignore[misc]
    """Abstract base of the widgets.

    State is traits with plain values. A control and lesson code take the same path: both set
    the trait, and the trait's observer does the work. The message line shows what failed;
    code that set the trait also gets the exception.
    """

    def __init__(self, title: str, unknown: dict[str, Any]) -> None:
        """Refuse `unknown` keywords with advice; `title` names the widget for a screen reader."""
        self._refuse(unknown)
        super().__init__()
        self.add_class("fwd-widget")
        self._frame = Frame(title, self._restore)
        self._message = html("fwd-message")
        self._error = ""
        self._notes: dict[str, str] = {}
        self._links: dict[str, ipywidgets.Widget] = {}
        self._kept: dict[str, ipywidgets.Widget] = {}
        self._choosers: dict[ipywidgets.Widget, str] = {}
        self._left_to_page: set[ipywidgets.Widget] = set()
        # Set by a widget whose page can run the network; pages of others hold recorded states.
        self._network_view: Callable[[], NetworkView] | None = None
        self._quiet = True  # until the widget is built

    @classmethod
    def _refuse(cls, unknown: dict[str, Any]) -> None:
        for name in unknown:
            parameters = inspect.signature(cls).parameters.values()
            known = [p.name for p in parameters if p.kind is not p.VAR_KEYWORD]
            close = difflib.get_close_matches(name, known, n=1)
            advice = f"did you mean {close[0]!r}? " if close else ""
            raise TypeError(
                f"{cls.__name__} has no keyword {name!r}: {advice}"
                f"It takes {', '.join(known)}; please use one of these."
            )

    # --- controls ---------------------------------------------------------------------------

    def _link(self, control: ipywidgets.Widget, trait: str, css_class: str) -> Any:
        """Let `control` set the trait; `_follow` shows the trait on it."""
        control.add_class(css_class)
        self._links[trait] = control

        def from_control(change: dict[str, Any]) -> None:
            if not self._quiet and not shows(control, getattr(self, trait), change["new"]):
                with self._from_page():
                    setattr(self, trait, change["new"])
                self._follow()

        control.observe(from_control, names="value")
        return control

    _slider = staticmethod(slider)

    def _choose_by(self, table: ipywidgets.Widget, trait: str) -> None:
        """Make a click on a row of `table` set the trait."""
        self._choosers[table] = trait

        def from_table(change: dict[str, Any]) -> None:
            if change["new"] != getattr(self, trait):
                with self._from_page():
                    setattr(self, trait, change["new"])

        table.observe(from_table, names="chosen")

    def _follow(self) -> None:
        """Show the values of the traits on their controls."""
        with self._quietly():
            for trait, control in self._links.items():
                value = getattr(self, trait)
                if value is None or shows(control, value, control.value):
                    continue
                if isinstance(control, ipywidgets.IntSlider):
                    control.min, control.max = min(control.min, value), max(control.max, value)
                control.value = value

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Change controls and traits together without running anything."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before

    def _button(self, text: str, tip: str, action: Callable[[], Any]) -> ipywidgets.Button:
        button = ipywidgets.Button(description=text, tooltip=tip)
        button.add_class("fwd-button")

        def clicked(_: ipywidgets.Button) -> None:
            with self._from_page():
                action()

        button.on_click(clicked)
        return button

    def _leave_to_page(self, button: ipywidgets.Button, css_class: str) -> None:
        """Let the script of a page do what `button` does: it knows the class, nothing is recorded.

        Args:
            button: sets a control that the page has as well.
            css_class: one that `page.js` understands.
        """
        button.add_class(css_class)
        self._left_to_page.add(button)

    @contextmanager
    def _from_page(self) -> Iterator[None]:
        """Run an action that was started on the page: an exception becomes a sentence."""
        before = self._error = _Before(self._error)
        try:
            yield
        except Exception as error:  # whatever it is, the learner must see it
            if not self._error or self._error is before:
                self._tell_error(str(error) or type(error).__name__)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Show the message of an exception in the widget, then raise it again."""
        try:
            yield
        except Exception as error:
            self._tell_error(str(error))
            raise

    # --- state over a reload ----------------------------------------------------------------

    def _restore(self, state: dict[str, Any]) -> None:
        """Set the controls as before; values that are no longer valid are left out."""
        for name, control in self._frame.controls.items():
            if name in state:
                with self._from_page():
                    control.value = state[name]

    def _keep(self) -> None:
        """Make a reload restore the linked controls in order, then those in `_kept`."""
        self._frame.controls = {**self._links, **self._kept}

    # --- without a kernel -------------------------------------------------------------------

    def save_page(
        self,
        path: str | os.PathLike[str],
        *,
        title: str = "",
        state: Mapping[str, Any] | None = None,
        own_sample: bool = False,
        shared: str | os.PathLike[str] | None = None,
        walks: Sequence[Sequence[str | Mapping[str, Any]]] = (),
        megabytes: float = 4.0,
        seconds: float = 60.0,
        **choices: Iterable[Any],
    ) -> Path:
        """Write an interactive page of this widget that needs no kernel and no other host.

        The page of a `ForwardPass` runs the network in the browser. For every other widget, and
        for a network that cannot be exported, it holds recorded states. Its footer says which.

        Args:
            path: an `.html` file, or an `.mjs` for the `{anywidget}` directive of MyST.
            title: the page's title; by default the widget's.
            state: values of controls, by name, with which the page opens; by default the current
                ones.
            own_sample: let the reader use their own picture, from a file or drawn. Its numbers are
                0 to 1; one channel is grey as in `PIL.Image.convert("L")`.
            shared: a folder for the parts that all pages share, which makes each page small.
            walks: sequences of moves that your text asks of a reader. Each is a list of moves, the
                text of a button or values by the name of a control, such as
                `[["loss.backward()", "reset", {"lr": 1.0}]]`. These are recorded first.
            megabytes: the largest size of the recorded states, in MB.
            seconds: the longest time for recording, in seconds.
            **choices: values by the name of a control, such as `sample=range(100)`; by default
                a few values of a long slider, and all of a short one. The current value is
                always included: `seed=[]` keeps only that one.

        Returns:
            The path.

        Raises:
            FileNotFoundError: the JavaScript that a page needs is not installed.
            TypeError: a name is not a control, or path, title or state has the wrong type.
            ValueError: a control does not take a value, or the path does not name a page.
        """
        from fwdwidgets.pages import PageOptions, save_page

        options = PageOptions(title, state or {}, own_sample, walks, megabytes, seconds)
        return save_page(self, path, options, choices, shared)

    # --- message line -----------------------------------------------------------------------

    def _tell_error(self, sentence: str) -> None:
        self._error = sentence
        self._show_message()

    def _tell(self, **notes: str) -> None:
        """Set notes by topic; an empty string removes one."""
        self._notes.update(notes)
        self._show_message()

    def _show_message(self) -> None:
        error = f'<div class="fwd-error">✗ {escape(self._error)}</div>' if self._error else ""
        notes = "".join(
            f'<div class="fwd-note">{escape(note)}</div>' for note in self._notes.values() if note
        )
        self._message.value = error + notes


class _Before(str):
    """A copy of the message shown before: equal to it, but not the same object."""
