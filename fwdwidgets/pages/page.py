"""From a widget to the HTML of its page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fwdwidgets.pages import browser_files
from fwdwidgets.pages.recorded import Recorder, check_choices, check_walks, frame_of, kind_of, plain
from fwdwidgets.pages.template import page_html
from fwdwidgets.widgets.shared import ForwardWidget

if TYPE_CHECKING:
    from fwdwidgets.pages.network import NetworkPage


@dataclass(frozen=True)
class PageOptions:
    """The options of a page.

    Attributes:
        title: the title of the page; if empty, the widget's title.
        state: values of controls, by name, with which the page opens.
        own_sample: let the reader use their own picture.
        walks: sequences of moves that the text asks for; see `check_walks`.
        megabytes: the largest size of recorded states, or of weights not chosen by name, in MB.
        seconds: the longest time for recording, in seconds.
    """

    title: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)
    own_sample: bool = False
    walks: Sequence[Sequence[Any]] = ()
    megabytes: float = 4.0
    seconds: float = 60.0

    def __post_init__(self) -> None:
        if not isinstance(self.title, str):
            raise TypeError(f"title={self.title!r} is no text: give a string.")
        if not isinstance(self.state, Mapping):
            raise TypeError(
                f"state={self.state!r} is no dictionary: give values by the name of a control, "
                "such as {'sample': 3}."
            )
        for name in ("megabytes", "seconds"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not 0 < value < float("inf"):
                raise ValueError(f"{name}={value!r} is no budget: choose a number above 0.")


def make_page(
    widget: ForwardWidget,
    choices: Mapping[str, Iterable[Any]],
    options: PageOptions | None = None,
    *,
    shared: str = "",
) -> str:
    """The HTML of the page of a widget.

    Args:
        widget: left in its current state.
        choices: the values of each control to include, by its name; see `check_choices`.
        options: the options of the page.
        shared: the address of the folder of shared parts, relative to the page; empty for a page
            that contains them.
    """
    options = options or PageOptions()
    chosen = check_choices(widget, choices, options.state)
    check_walks(widget, options.walks)
    with _opened_at(widget, options.state):
        return _make(widget, chosen, options, shared)


@contextmanager
def _opened_at(widget: ForwardWidget, state: Mapping[str, Any]) -> Iterator[None]:
    """Set a widget to a state, and restore its own on exit."""
    controls = widget._frame.controls
    before = {name: part.value for name, part in controls.items()}
    try:
        widget._restore(dict(state))
        for name, value in state.items():
            if controls[name].value != value:
                raise ValueError(
                    f"{name}={value!r} does not hold beside the rest of {dict(state)}: "
                    f"{widget._error or f'it became {controls[name].value!r}'}"
                )
        yield
    finally:
        if state:
            widget._restore(before)


def _make(
    widget: ForwardWidget, chosen: dict[str, list[Any]], options: PageOptions, shared: str
) -> str:
    recorder = Recorder(
        widget,
        chosen,
        walks=options.walks,
        megabytes=options.megabytes,
        seconds=options.seconds,
    )
    network: NetworkPage | None = None
    refused = ""
    if widget._network_view is not None:
        # The export of networks is imported when a page needs it, not with the package.
        from fwdwidgets.pages.network import CannotExport, plan_network

        recorder.note_exactly()
        try:
            network = plan_network(
                widget._network_view(),
                chosen,
                recorder.archive,
                recorder.parts,
                own_sample=options.own_sample,
                megabytes=options.megabytes,
            )
        except CannotExport as error:
            refused = str(error)
    if options.own_sample and network is None:
        why = refused or f"a {type(widget).__name__} is recorded"
        raise ValueError(f"own_sample=True needs a page that runs the network: {why}.")
    if network is None:
        recorder.record()
    parts = recorder.parts
    data = {
        "title": widget._frame.title,
        "kinds": parts.kinds,
        "frames": {
            str(parts.number(part)): frame_of(part) for part in parts.all if kind_of(part) == "plot"
        },
        "choosers": {str(parts.number(part)): name for part, name in widget._choosers.items()},
        "reach": recorder.reach(),
        "network": network.plan if network else None,
        **recorder.data(),
        "pieces": recorder.archive.pieces,
        "buffers": recorder.archive.buffers,
    }
    head = json.dumps(plain(data), separators=(",", ":"), allow_nan=False)
    files = {"page": head.encode(), "arrays": recorder.archive.blob()}
    if network:
        files["model"] = network.model
        footer = _network_footer(network)
    else:
        footer = _recorded_footer(recorder, refused)
    return page_html(
        options.title or widget._frame.title,
        files,
        footer,
        runs_network=network is not None,
        shared=shared,
    )


def _network_footer(page: NetworkPage) -> list[str]:
    proof, runtime = page.proof, browser_files.versions()["onnxruntime-web"]
    return [
        f"Every move runs the network in this page, by onnxruntime-web {runtime} on one thread. "
        f"The largest difference from PyTorch {_torch_version()} is {proof.largest:.1e} of "
        f"a step's largest value{f' (step {escape(proof.where)})' if proof.where else ''}, in "
        f"{_counted(proof.runs, 'forward pass', 'es')} and {proof.values:,} numbers: "
        f"{_counted(page.samples, 'sample')}, {_counted(page.weights, 'set')} of weights.",
        _made_by(),
    ]


def _recorded_footer(recorder: Recorder, refused: str) -> list[str]:
    why = f" The network itself cannot run here: {escape(refused)}." if refused else ""
    spent = f" Recording ended at {recorder.spent}." if recorder.spent else ""
    states = _counted(len(recorder.states), "recorded state")
    return [
        f"This page shows {states}; nothing is computed in "
        f"it.{why}{spent} Printed numbers are exact, large pictures have 255 levels of colour.",
        _made_by(),
    ]


def _counted(many: int, what: str, ending: str = "s") -> str:
    return f"{many:,} {what}{ending if many != 1 else ''}"


def _made_by() -> str:
    return f"Made by fwdwidgets {version('fwdwidgets')} with PyTorch {_torch_version()}."


def _torch_version() -> str:
    return version("torch").partition("+")[0]
