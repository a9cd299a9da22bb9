"""The hot path of the tracer: every PyTorch operation of one forward pass, as it runs.

A `TorchFunctionMode` sees each operation under the name a lesson uses, whatever branch the data
took; the frames above it show in which module calls it runs, and for which expression. Module
hooks would slow down every call, and miss a call that ended with other than an `Exception`.
"""

from __future__ import annotations

import os
import types
from collections.abc import Callable
from sys import _getframe
from threading import get_ident
from typing import Any, NamedTuple
from weakref import ref

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import Parameter, is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from fwdwidgets.trace.state import named_modules

_TORCH = os.path.dirname(torch.__file__) + os.sep
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_RENAMED = {
    "truediv": "div",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "invert": "bitwise_not",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
_OPERATORS = {"add", "sub", "mul", "div", "pow", "matmul", *_RENAMED}
_NEW_TENSORS = frozenset({"T", "mT", "H", "mH", "real", "imag", "data"})
_NORMALIZATIONS = frozenset({"batch_norm", "instance_norm"})
_RENORMALIZE = frozenset({"embedding", "embedding_bag"})  # the rows that they read, with max_norm
_NO_STEPS = frozenset(
    {"__set__", "__delete__", "_make_subclass", "_make_wrapper_subclass", "requires_grad_"}
)


def _without_override(function: Any) -> types.FunctionType:
    """A copy of a torch function that does not pass itself to the mode as one operation."""
    own = {**function.__globals__, "has_torch_function": lambda *_: False}
    twin = types.FunctionType(
        function.__code__, own, function.__name__, function.__defaults__, function.__closure__
    )
    twin.__kwdefaults__ = function.__kwdefaults__
    return twin


_TWINS = {F.multi_head_attention_forward: _without_override(F.multi_head_attention_forward)}

# What is done with the result of an operation.
_PURE, _STEP, _WRITES, _STATISTICS, _IGNORED, _COMPOSED, _PADS, _READS = range(8)
_SET_DATA = Tensor.data.__set__  # type: ignore[attr-defined]
_PLANS: dict[Any, tuple[int, str]] = {}
_IN_C = (types.BuiltinFunctionType, types.MethodDescriptorType)


def _plan(function: Any) -> tuple[int, str]:
    name, op = getattr(function, "__name__", ""), operation_name(function)
    if function in _TWINS:
        return _COMPOSED, op
    if function is torch._nested_tensor_from_mask_left_aligned:
        return _PADS, op
    if name == "__setitem__" or function == _SET_DATA:
        return _WRITES, "data" if function == _SET_DATA else op
    if name in _NO_STEPS or (name == "__get__" and op not in _NEW_TENSORS):
        return _IGNORED, op
    if name == "__get__":
        return _READS, op
    if op in _NORMALIZATIONS:
        return _STATISTICS, op
    # PyTorch's own functions write to an operand by a name with an underscore, out= or inplace=.
    own = isinstance(function, _IN_C) or getattr(function, "__module__", "") == F.__name__
    pure = own and not name.endswith("_") and name not in _RENORMALIZE
    return (_PURE if pure else _STEP), op


def is_step(function: Any) -> bool:
    """Whether a call of this function may be recorded as one operation."""
    kind, _ = _PLANS.get(function) or _plan(function)
    return kind is not _IGNORED and kind is not _COMPOSED


def operation_name(function: Any) -> str:
    """The name of an operation as a lesson writes it: `add` for `add_`, `__iadd__` and `+=`."""
    name: str = getattr(function, "__name__", str(function))
    if name == "__get__":
        name = getattr(function.__self__, "__name__", "property")
    short = name.partition(".")[0].strip("_")  # torch.ops.aten.add.Tensor has an overload
    turned = name.startswith("__") and short[1:] in _OPERATORS and short[0] in "ir"
    if turned or short in ("rsub", "rdiv"):
        short = short[1:]
    return _RENAMED.get(short, short)


class Call:
    """One call of a module that is registered under the root, in which an operation ran."""

    __slots__ = ("holds", "module", "own", "parent")

    def __init__(self, module: str, parent: Call | None = None) -> None:
        self.module = module
        self.parent = parent
        self.own = 0  # steps made directly in it
        self.holds = False  # whether a call within it made steps


Where = tuple[types.CodeType, int]
"""Code, and an instruction in it."""


class Record(NamedTuple):
    """One operation as it was recorded, before it has a name; see `Step` for the fields."""

    op: str
    call: Call
    where: Where | None
    input_shapes: list[torch.Size]
    parents: list[int | None]
    values: list[Tensor]
    mutates: bool
    error: Exception | None


GIVEN = -1
"""In `Record.parents`: an input of the model."""
_new_record: Any = tuple.__new__


class Recorder(TorchFunctionMode):
    """Records the operations that run in this thread while it is entered.

    Args:
        model: the root; its modules name the steps.
        names: its `named_modules`, if they are already known.
        writes: called with the operands of an operation that may write to one, before it runs.

    Attributes:
        records: what ran, in order.
        failed: the last operation that raised, if any.
    """

    def __init__(
        self,
        model: nn.Module,
        names: dict[nn.Module, str] | None = None,
        writes: Callable[[list[Tensor]], None] | None = None,
    ) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.failed: Record | None = None
        self._counters: set[int] = set()
        self._writes = writes
        self._model = model
        self._names: dict[nn.Module, str] = {}
        self._name_modules(names or named_modules(model))
        self._made: dict[int, tuple[ref[Tensor], int]] = {}
        # The frames of the module calls that are running, outermost first, each with its call and
        # the user's expression above it, which does not change while they run.
        self._running: list[types.FrameType] = []
        self._places: dict[types.FrameType, tuple[Call, Where | None]] = {}
        self._depth = 0
        self._padding: RemovableHandle | None = None

    def _name_modules(self, names: dict[nn.Module, str]) -> None:
        self._names = {**names, **self._names}
        for module in names:
            buffers = module._buffers
            if buffers and "num_batches_tracked" in buffers:
                self._counters.add(id(buffers["num_batches_tracked"]))

    # --- entering -------------------------------------------------------------------------------

    def __enter__(self) -> Recorder:
        if not self._depth:
            frame = _getframe(1)
            self._running, self._places = [frame], {frame: (Call(""), None)}
        self._depth += 1
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        self._depth -= 1
        if not self._depth:
            # No cycles: a trace is freed as soon as it is dropped.
            self._running, self._places = [], {}
            self._end_padding()

    # --- padding --------------------------------------------------------------------------------

    def _pad(self, frame: types.FrameType, tokens: Tensor) -> None:
        """Return zeros for padded tokens, as the fast path of `nn.TransformerEncoder` would.

        The fast path packs the other tokens, (batch, length), into a nested tensor. The layers
        are taken apart here and see all tokens, so the padded rows are set to zero after the
        last layer.
        """
        while frame.f_code.co_filename in _OWN and frame.f_back is not None:
            frame = frame.f_back  # a recorder built on this one
        encoder = frame.f_locals.get("self")
        fast = not torch.is_grad_enabled() and not torch.is_autocast_enabled()
        if isinstance(encoder, nn.TransformerEncoder) and frame.f_locals.get("mask") is None:
            if fast and torch.backends.mha.get_fastpath_enabled():
                padding, thread = tokens.logical_not().unsqueeze(-1), get_ident()

                def set_to_zero(layer: nn.Module, _: Any, output: Tensor) -> Tensor | None:
                    if get_ident() != thread:
                        return None
                    self._end_padding()
                    return output.masked_fill(padding, 0.0)

                self._end_padding()  # from an encoder that did not reach its last layer
                self._padding = encoder.layers[-1].register_forward_hook(set_to_zero)

    def _end_padding(self) -> None:
        if self._padding is not None:
            self._padding.remove()
            self._padding = None

    # --- recording ------------------------------------------------------------------------------

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        plan = _PLANS.get(function)
        if plan is None:
            plan = _PLANS[function] = _plan(function)
        kind, op = plan
        if kind is _IGNORED:
            return function(*args, **kwargs or {})
        if kind is _COMPOSED:
            with self:
                return _TWINS[function](*args, **kwargs or {})
        operands: list[Tensor] = []
        watched = kind is not _PURE
        if kwargs:
            _collect((*args, *kwargs.values()), operands)
            watched = watched or "out" in kwargs or kwargs.get("inplace", False)
        else:
            _collect(args, operands)
        versions = shapes = None
        if watched:  # looked up first, because the call may change it
            versions, shapes = _versions(operands), _shapes(operands)
            if self._writes is not None and kind is not _STATISTICS:
                if op not in _RENORMALIZE or (kwargs and kwargs.get("max_norm") is not None):
                    self._writes(operands)
        try:
            result = function(*args, **kwargs) if kwargs else function(*args)
        except Exception as error:
            self._fail(op, operands, error)
            raise
        if kind is _PADS and result:
            self._pad(_getframe(1), args[1])
        if isinstance(result, Tensor):
            if kind is _READS and result is args[0]:  # the real part of a real tensor
                return result
            outputs = [result]
        elif kind is _WRITES:
            outputs = [args[0]]
        else:
            outputs = []
            if result is None and versions:  # perhaps it only writes, as a custom operator may
                outputs = [t for t, v in zip(operands, versions, strict=True) if t._version != v]
            else:
                _collect((result,), outputs)
            if not outputs:
                return result
        if op == "add" and self._counters and id(operands[0]) in self._counters:
            return result
        place = self._place()
        if place is None:
            return result
        made, index = self._made, len(self.records)
        shapes = shapes or _shapes(operands)
        parents = []
        for t in operands:
            known = made.get(id(t))
            parents.append(None if known is None or known[0]() is not t else known[1])
        if not watched:
            mutates = False
        elif kind is _WRITES:
            mutates = True
        elif versions is None:
            mutates = any(o is t for o in outputs for t in operands)
        elif kind is _STATISTICS:
            mutates = operands[0]._version != versions[0]
        else:
            mutates = versions != _versions(operands)
        values = []
        for t in outputs:
            values.append(as_it_is(t))
            made[id(t)] = (ref(t), index)
        fields = op, *place, shapes, parents, values, mutates, None
        self.records.append(_new_record(Record, fields))  # at a third of the time of Record(...)
        return result

    def name_of(self, module: Any) -> str | None:
        """The qualified name of a module of the model; None for any other object."""
        return self._names.get(module) if isinstance(module, nn.Module) else None

    def give(self, *inputs: Any) -> None:
        """Register the model's inputs: `GIVEN` stands for them in `Record.parents`."""
        tensors: list[Tensor] = []
        _collect(inputs, tensors)
        for tensor in tensors:
            self._made[id(tensor)] = ref(tensor), GIVEN

    def made_by(self, tensor: Any) -> int | None:
        """The index of the record that made `tensor`; None if none did."""
        maker = self._maker_of(tensor)
        return None if maker == GIVEN else maker

    def _maker_of(self, tensor: Any) -> int | None:
        known = self._made.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _fail(self, op: str, operands: list[Tensor], error: Exception) -> None:
        place = self._place()
        if place is not None:
            call, where = place
            parents = [self._maker_of(t) for t in operands]
            shapes = _shapes(operands)
            self.failed = Record(op, call, where, shapes, parents, [], False, error)

    def _place(self) -> tuple[Call, Where | None] | None:
        """The call that an operation runs in, and the user's expression that it runs for.

        The expression is the code and instruction of the first caller outside torch; None if
        there is none. An operation that is not a step has no place.
        """
        running, places = self._running, self._places
        frame, end = _getframe(2), running[0]
        where: Where | None = None
        entered: list[types.FrameType] = []
        above: list[Where | None] = []
        while frame is not end:
            code = frame.f_code
            kind = _KINDS.get(id(code)) or _kind(code)
            if kind is _TORCHS:
                pass
            elif kind is _USERS:
                here = code, frame.f_lasti
                where = where or here
                if len(above) < len(entered):
                    above += [here] * (len(entered) - len(above))
            elif kind is _CALLS:
                if frame in places:
                    break
                entered.append(frame)
            elif kind is _LAZY or not (where or entered):
                return None
            frame = frame.f_back or end
        while running[-1] is not frame:  # those calls have ended, normally or not
            del places[running.pop()]
        call, outer = places[frame]
        while entered:
            frame = entered.pop()
            module = frame.f_locals["self"]
            if module not in self._names:  # now made, and perhaps registered
                self._name_modules(named_modules(self._model))
            # The root itself, and an unregistered module, belong to their caller.
            if name := self._names.get(module):
                call = Call(name, call)
            places[frame] = call, above.pop() if len(above) > len(entered) else outer
            running.append(frame)
        return call, where or outer


def in_torch(code: types.CodeType) -> bool:
    """Whether a frame of this code belongs to torch or to the tracer."""
    return (_KINDS.get(id(code)) or _kind(code)) is not _USERS


_TORCHS, _USERS, _CALLS, _UNSEENS, _LAZY = range(1, 6)
_OWN = {
    os.path.join(os.path.dirname(__file__), name)
    for name in (
        "recorder.py",
        "rerun.py",
        "operands.py",
        "gradients.py",
        "inputs.py",
        "trace.py",
        "tracer.py",
    )
}
_GUARD = os.path.join(os.path.dirname(__file__), "state.py")
_LAYERS = os.path.join(_TORCH, "nn", "modules") + os.sep
# Not looked up at call time: torch.export temporarily wraps `nn.Module.__call__`.
_CALL = nn.Module._wrapped_call_impl.__code__
# By id, because a code object hashes all its contents; the code is kept, so no id is reused.
_KINDS: dict[int, int] = {}
_CODES: list[types.CodeType] = []


def _kind(code: types.CodeType) -> int:
    file = code.co_filename
    makes_layer = code.co_name == "__init__" and file.startswith(_LAYERS)
    if code is _CALL:
        kind = _CALLS
    elif code is LazyModuleMixin._infer_parameters.__code__:  # it gives a module its parameters
        kind = _LAZY
    elif code in _NOT_SEEN or makes_layer or file == _GUARD:
        kind = _UNSEENS
    else:
        library = file.startswith(_LIBRARY) and "-packages" not in file  # copy.deepcopy
        kind = _TORCHS if file.startswith(_TORCH) or file in _OWN or library else _USERS
    _CODES.append(code)
    return _KINDS.setdefault(id(code), kind)


def as_it_is(tensor: Tensor) -> Tensor:
    """The tensor's present values, whatever is written to it later."""
    return tensor.detach().clone() if tensor.requires_grad else tensor.clone()


def _shapes(tensors: list[Tensor]) -> list[torch.Size]:
    try:
        return [t.shape for t in tensors]
    except RuntimeError:
        return [_odd_shape(t) for t in tensors]


def _odd_shape(tensor: Tensor) -> torch.Size:
    if is_lazy(tensor):
        return torch.Size()
    # Strided nested tensors have no shape, only a length.
    return torch.Size([tensor.size(0)]) if tensor.is_nested else tensor.shape


def _versions(tensors: list[Tensor]) -> list[int] | None:
    """How often each was written to; None for inference tensors, which do not count it."""
    try:
        return [t._version for t in tensors]
    except RuntimeError:
        return None


_NUMBERS = frozenset({int, float, bool, type(None), str})


def _collect(values: Any, found: list[Tensor]) -> None:
    for value in values:
        kind = type(value)
        if kind is Tensor or kind is Parameter or isinstance(value, Tensor):
            found.append(value)
        elif kind in _NUMBERS:
            continue
        elif isinstance(value, (tuple, list)):
            # A pair of ints is a stride or a size, the most frequent kind of argument.
            if len(value) != 2 or type(value[0]) is not int or type(value[1]) is not int:
                _collect(value, found)
        elif isinstance(value, dict):
            _collect(value.values(), found)


# Making parameters is not a step, nor is the work of a tracer inside another's forward pass.
_NOT_SEEN = (
    nn.Parameter.__new__.__code__,
    as_it_is.__code__,
)
