"""The hot path of the tracer: every PyTorch operation of one forward pass, as it runs.

A `TorchFunctionMode` sees each operation under the name a lesson uses, whatever branch the data
took; global module hooks keep the stack of module calls around it.
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
from torch.nn.modules import module as module_hooks
from torch.nn.modules.lazy import LazyModuleMixin
from torch.nn.parameter import Parameter, is_lazy
from torch.overrides import TorchFunctionMode

from fwdwidgets._state import named_modules

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
_RENORMALIZE = frozenset({"embedding", "embedding_bag"})  # the rows that they read, by max_norm
_NO_STEPS = frozenset(
    {"__set__", "__delete__", "_make_subclass", "_make_wrapper_subclass", "requires_grad_"}
)


def _without_override(function: Any) -> types.FunctionType:
    """A twin of a torch function that does not hand itself to the mode as a whole."""
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


def operation_name(function: Any) -> str:
    """The name of an operation as a lesson writes it: `add` for `add_`, `__iadd__` and `+=`."""
    name: str = getattr(function, "__name__", str(function))
    if name == "__get__":
        name = getattr(function.__self__, "__name__", "property")
    short = name.partition(".")[0].strip("_")  # torch.ops.aten.add.Tensor has an overload
    if name.startswith("__") and short[1:] in _OPERATORS and short[0] in "ir":
        short = short[1:]
    elif short in ("rsub", "rdiv"):
        short = short[1:]
    return _RENAMED.get(short, short)


class Call:
    """One call of a module that is registered under the root."""

    __slots__ = ("module", "own", "steps")

    def __init__(self, module: str) -> None:
        self.module = module
        self.own = 0  # steps made directly in it
        self.steps = 0  # steps made in it and in all that it called


class Record(NamedTuple):
    """One operation as it was recorded, before it has a name; see `Step` for the fields."""

    op: str
    call: Call
    where: tuple[types.CodeType, int] | None
    input_shapes: list[torch.Size]
    parents: list[int | None]
    values: list[Tensor]
    mutates: bool
    error: Exception | None


GIVEN = -1
"""In `Record.parents`: what the model was given."""
_new_record: Any = tuple.__new__


class Recorder(TorchFunctionMode):
    """Records the operations that run in this thread while it is entered.

    Args:
        model: the root; its modules name the steps.
        names: its `named_modules`, where they are known.
        writes: is told the operands of an operation that may write to one, before it runs.

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
        self._lazy = False
        self._writes = writes
        self._model = model
        self._names: dict[nn.Module, str] = {}
        self._name_modules(names or named_modules(model))
        self._root = Call("")
        self._call = self._root
        # Which module, its call, the frame that its operations run above.
        self._stack: list[tuple[nn.Module, Call, types.FrameType]] = []
        self._above: types.FrameType | None = None
        self._made: dict[int, tuple[ref[Tensor], int]] = {}
        self._thread = get_ident()
        self._frame: types.FrameType | None = None
        self._hooks: list[Any] = []
        self._depth = 0
        self._padding: dict[int, Tensor] = {}

    def _name_modules(self, names: dict[nn.Module, str]) -> None:
        self._names = {**names, **self._names}
        for module in names:
            self._lazy = self._lazy or isinstance(module, LazyModuleMixin)
            buffers = module._buffers
            if buffers and "num_batches_tracked" in buffers:
                self._counters.add(id(buffers["num_batches_tracked"]))

    # --- entering -------------------------------------------------------------------------------

    def __enter__(self) -> Recorder:
        if not self._depth:
            self._frame = _getframe(1)
            self._hooks = [
                module_hooks.register_module_forward_pre_hook(self._before),
                module_hooks.register_module_forward_hook(self._after, always_call=True),
            ]
        self._depth += 1
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        self._depth -= 1
        if not self._depth:
            for hook in self._hooks:
                hook.remove()
            # No cycles: a trace is freed as it is dropped.
            self._hooks, self._frame, self._stack, self._above = [], None, [], None

    def _before(self, module: nn.Module, _: Any) -> None:
        if get_ident() == self._thread:
            # The root itself, and a module that is not registered, belong to their caller.
            name = self._names.get(module)
            if name is None:  # made in this forward pass; perhaps it was registered then
                self._lazy = self._lazy or isinstance(module, LazyModuleMixin)
                self._name_modules(named_modules(self._model))
                name = self._names.get(module)
            frame = _getframe(1)
            if name:
                self._call = Call(name)
            elif self._stack:
                self._drop_left(frame)
            self._stack.append((module, self._call, frame))
            self._above = frame

    def _after(self, module: nn.Module, _: Any, output: Any) -> Any:
        stack = self._stack
        if stack and get_ident() == self._thread:
            if output is None or stack[-1][0] is not module:
                # Perhaps another's hook raised before the call was known here.
                frame = _getframe(1)
                self._drop_left(frame)
                if not stack or not self._is_of(frame, stack[-1][2]):
                    return None
            ended = stack.pop()[1]
            if stack:
                _, self._call, self._above = stack[-1]
            else:
                self._call, self._above = self._root, None
            if self._call is not ended:
                self._call.steps += ended.steps
            if self._padding and isinstance(output, Tensor):
                padding = self._padding.pop(id(module), None)
                return None if padding is None else output.masked_fill(padding, 0.0)
        return None

    def _pop(self) -> None:
        _, ended, _ = self._stack.pop()
        if self._stack:
            _, self._call, self._above = self._stack[-1]
        else:
            self._call, self._above = self._root, None
        if self._call is not ended:
            self._call.steps += ended.steps

    @staticmethod
    def _is_of(frame: types.FrameType, above: types.FrameType) -> bool:
        """Whether a hook that runs in `frame` is of the call that has noted `above`."""
        return frame is above or frame is above.f_back  # behind an error, torch is one frame up

    def _drop_left(self, frame: types.FrameType | None) -> None:
        """Drop calls that are no longer running, now that `frame` is.

        No hook tells of a module that was left by an error which is no `Exception`, such as a
        `KeyboardInterrupt`, and that a model caught.
        """
        running = []
        while frame is not None and frame is not self._frame:
            running.append(frame)
            frame = frame.f_back
        while self._stack and not any(self._is_of(f, self._stack[-1][2]) for f in running):
            self._pop()

    def _pad(self, frame: types.FrameType, tokens: Tensor) -> None:
        """Note that the fast path of `nn.TransformerEncoder` would give zeros for padded tokens.

        It packs the other tokens (batch, length) into a nested tensor for the layers, which
        are taken apart here and therefore see them all: the padded rows are set to zero
        behind the last layer.
        """
        while frame.f_code.co_filename in _OWN and frame.f_back is not None:
            frame = frame.f_back  # a recorder that builds upon this one
        encoder = frame.f_locals.get("self")
        fast = not torch.is_grad_enabled() and not torch.is_autocast_enabled()
        if isinstance(encoder, nn.TransformerEncoder) and frame.f_locals.get("mask") is None:
            if fast and torch.backends.mha.get_fastpath_enabled():
                self._padding[id(encoder.layers[-1])] = tokens.logical_not().unsqueeze(-1)

    # --- recording ------------------------------------------------------------------------------

    def __torch_function__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        plan = _PLANS.get(function)
        if plan is None:
            plan = _PLANS[function] = _plan(function)
        kind, op = plan
        if kind is _IGNORED or (self._lazy and _materializes(_getframe(1))):
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
        if watched:  # looked at before, for it may change all that
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
            if result is None and versions:  # perhaps it only writes, as a custom operator does
                outputs = [t for t, v in zip(operands, versions, strict=True) if t._version != v]
            else:
                _collect((result,), outputs)
            if not outputs:
                return result
        if op == "add" and self._counters and id(operands[0]) in self._counters:
            return result
        where = self._where()
        if where is _UNSEEN:
            return result
        made, index = self._made, len(self.records)
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
            values.append(_copy(t))
            made[id(t)] = (ref(t), index)
        call = self._call
        call.own += 1
        call.steps += 1
        shapes = shapes or _shapes(operands)
        fields = op, call, where, shapes, parents, values, mutates, None
        self.records.append(_new_record(Record, fields))  # at a third of the time of Record(...)
        return result

    def name_of(self, module: Any) -> str | None:
        """The qualified name of a module of the model; None of any other object."""
        return self._names.get(module) if isinstance(module, nn.Module) else None

    def give(self, *inputs: Any) -> None:
        """Note what the model is given: `GIVEN` stands for its maker in `Record.parents`."""
        tensors: list[Tensor] = []
        _collect(inputs, tensors)
        for tensor in tensors:
            self._made[id(tensor)] = ref(tensor), GIVEN

    def made_by(self, tensor: Any) -> int | None:
        """The index of the record that made `tensor`, None where none did."""
        maker = self._maker_of(tensor)
        return None if maker == GIVEN else maker

    def _maker_of(self, tensor: Any) -> int | None:
        known = self._made.get(id(tensor))
        return known[1] if known is not None and known[0]() is tensor else None

    def _fail(self, op: str, operands: list[Tensor], error: Exception) -> None:
        shapes = _shapes(operands)
        parents = [self._maker_of(t) for t in operands]
        where = self._where()  # before the call is looked at: it may drop some
        self.failed = Record(op, self._call, where, shapes, parents, [], False, error)

    def _where(self) -> Any:
        """Code and instruction of the first caller outside torch; None where there is none."""
        frame: types.FrameType | None = _getframe(2)
        end, above = self._frame, self._above
        while frame is not None and frame is not end:
            code = frame.f_code
            kind = _KINDS.get(id(code)) or _kind(code)
            if kind[0] is _USERS:
                if above is not None and frame.f_back is not above:
                    self._drop_left(frame)
                return code, frame.f_lasti
            if frame is above:
                above = None  # the call that is noted is running
            elif kind[0] is _UNSEENS:
                return _UNSEEN
            frame = frame.f_back
        return None


def in_torch(code: types.CodeType) -> bool:
    """Whether a frame of this code is torch's own, or the tracer's."""
    return (_KINDS.get(id(code)) or _kind(code))[0] is not _USERS


_UNSEEN = object()
_USERS, _TORCHS, _UNSEENS = range(3)
_OWN = {
    os.path.join(os.path.dirname(__file__), name)
    for name in ("_recorder.py", "_rerun.py", "_inputs.py", "trace.py")
}
_GUARD = os.path.join(os.path.dirname(__file__), "_state.py")
_LAYERS = os.path.join(_TORCH, "nn", "modules") + os.sep
# By id, for a code object's hash is that of all its contents; the code is kept, so no id returns.
_KINDS: dict[int, tuple[int, types.CodeType]] = {}


def _kind(code: types.CodeType) -> tuple[int, types.CodeType]:
    file = code.co_filename
    makes_layer = code.co_name == "__init__" and file.startswith(_LAYERS)
    if code in _NOT_SEEN or makes_layer or file == _GUARD:
        kind = _UNSEENS
    else:
        library = file.startswith(_LIBRARY) and "-packages" not in file  # copy.deepcopy
        kind = _TORCHS if file.startswith(_TORCH) or file in _OWN or library else _USERS
    return _KINDS.setdefault(id(code), (kind, code))


def _materializes(frame: types.FrameType | None) -> bool:
    """Whether a lazy module is being given its parameters."""
    while frame is not None and frame.f_code is not LazyModuleMixin._infer_parameters.__code__:
        frame = frame.f_back
    return frame is not None


def _copy(tensor: Tensor) -> Tensor:
    """The tensor as it is now, for ever."""
    return tensor.detach().clone() if tensor.requires_grad else tensor.clone()


def _shapes(tensors: list[Tensor]) -> list[torch.Size]:
    try:
        return [t.shape for t in tensors]
    except RuntimeError:
        return [_odd_shape(t) for t in tensors]


def _odd_shape(tensor: Tensor) -> torch.Size:
    if is_lazy(tensor):
        return torch.Size()
    # Nested tensors of the strided layout have no shape, only a length.
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
            # A pair of ints is a stride or a size, and the most frequent argument of all.
            if len(value) != 2 or type(value[0]) is not int or type(value[1]) is not int:
                _collect(value, found)
        elif isinstance(value, dict):
            _collect(value.values(), found)


# Making parameters is no step; nor is what a tracer does that runs within another's forward pass.
_NOT_SEEN = (
    nn.Parameter.__new__.__code__,
    _copy.__code__,
)
