"""Which lines ran: against models that count for themselves, and what stands in their source."""

import gc
import linecache
import sys
import weakref

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import fwdwidgets as fw
from fwdwidgets.trace import LineWatch, Tracer, read_source


def watched(model, *inputs):
    watch = LineWatch()
    trace = Tracer(watch=watch)(model, *inputs)
    return trace, watch.visits


def listing_of(model, step, *inputs):
    trace, visits = watched(model, *inputs)
    index = [s.name for s in trace].index(step) if isinstance(step, str) else step
    return read_source(model, trace, visits, index)


def line(listing, text):
    """The one line that begins with a text."""
    (found,) = [one for one in listing.lines if one.text.lstrip().startswith(text)]
    return found


def marked(listing):
    """The marked characters, as the page shows them."""
    top, start, bottom, stop = listing.mark
    texts = [one.text for one in listing.lines[top : bottom + 1]]
    texts[-1] = texts[-1][:stop]
    texts[0] = texts[0][start:]
    return "\n".join(texts)


class Counting(nn.Module):
    """Counts what it does: `seen` is what the line events are to tell."""

    def __init__(self, rounds, flags):
        super().__init__()
        self.rounds, self.flags = rounds, flags
        self.seen = {"loop": 0, "yes": 0, "no": 0, "while": 0}

    def forward(self, x):
        """Lines without an operation count as well."""
        total = x.sum()
        for index in range(self.rounds):
            # a comment runs nothing
            self.seen["loop"] += 1
            if self.flags[index]:
                self.seen["yes"] += 1
            else:
                self.seen["no"] += 1
        left = self.rounds
        while left > 1:
            left -= 1
            self.seen["while"] += 1

        return total * (
            1
            + 2
        )  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(flags=st.lists(st.booleans(), max_size=6))
def test_each_line_ran_as_often_as_the_model_counted(flags):
    model = Counting(len(flags), flags)
    listing = listing_of(model, "sum", torch.ones(2))
    seen = model.seen
    for text, count in [
        ('self.seen["loop"] +=', seen["loop"]),
        ('self.seen["yes"] +=', seen["yes"]),
        ('self.seen["no"] +=', seen["no"]),
        ("else:", seen["no"]),
        ("left -= 1", seen["while"]),
        ("for index in", seen["loop"]),
        ("while left", seen["while"]),
        ("if self.flags", seen["loop"]),
        ("return total", 1),
        ("+ 2", 1),
    ]:
        found = line(listing, text)
        assert found.times == count, text
        header = text.startswith(("for", "while"))
        assert found.ran is (count > 0 or header), text
    for text in ("def forward", '"""Lines without', "# a comment"):
        assert line(listing, text).ran is None
    assert {one.number for one in listing.skipped} == {
        one.number for one in listing.lines if one.ran is False
    }
    assert bool(listing.skipped) is not (any(flags) and not all(flags) and len(flags) > 1)


class Branches(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        match self.kind:
            case "try":
                try:
                    raise KeyError(self.kind)
                except ValueError:
                    scale = 1
                except KeyError:
                    scale = 2
                finally:
                    scale += 0
            case "with":
                with torch.no_grad():
                    scale = 3
            case _:
                scale = 4
        assert scale
        while True:
            x = x * scale
            break
        picked = [F.relu(row) for row in x]
        return torch.stack(picked)


@pytest.mark.parametrize(
    ("kind", "ran", "skipped"),
    [
        (
            "try",
            ["try:", "raise", "except KeyError", "scale = 2", "finally", "scale += 0"],
            ["scale = 1", "scale = 3", "scale = 4"],
        ),
        (
            "with",
            ['case "with"', "with torch", "scale = 3"],
            ["raise", "except Val", "finally", "scale = 4"],
        ),
        ("other", ["scale = 4", "case _"], ["try:", "finally", "with torch"]),
    ],
)
def test_branches_of_every_kind(kind, ran, skipped):
    listing = listing_of(Branches(kind), "stack", torch.ones(3, 2))
    always = ["match", "while True", "x = x *", "break", "picked", "return"]
    for text in ran + always:
        assert line(listing, text).ran is True, text
        assert line(listing, text).times == 1, text
    for text in skipped:
        assert line(listing, text).ran is False, text


def test_the_mark_is_the_expression_of_the_step():
    model = fw.models.Network()
    trace, visits = watched(model, torch.zeros(1, 1, 28, 28))
    for index, step in enumerate(trace):
        listing = read_source(model, trace, visits, index)
        assert marked(listing) == step.source
        assert listing.title == "Network.forward"
        assert listing.is_source
        assert listing.skipped == ()
    names = [step.name for step in trace]
    assert marked(read_source(model, trace, visits, names.index("conv1"))) == "self.conv1(t)"
    first = read_source(model, trace, visits, 0)
    assert first.lines[0].text.startswith("def forward")
    assert linecache.getline(trace.steps[0].filename, first.lines[0].number).strip() == (
        first.lines[0].text
    )
    assert first.inside.startswith("conv1: Conv2d(1, 6")


class Umlauts(nn.Module):
    def forward(self, x):
        return len("äöü") + x.relu(
            )  # fmt: skip


class Typed(nn.Module):
    def forward(self, x):
        return x.relu()  # type: ignore[no-any-return]  # (N, 1)


class Loops(nn.Module):
    def forward(self, x):
        for _ in range(3):
            x = x.relu() + 1
        return x + 1


def test_an_expression_of_a_loop_counts_its_runs():
    model = nn.Sequential(Loops(), Loops())
    trace, visits = watched(model, torch.ones(1))
    turns = [read_source(model, trace, visits, i).turn for i in range(len(trace))]
    once = [(1, 3), (1, 3), (2, 3), (2, 3), (3, 3), (3, 3), (1, 1)]
    assert turns == once * 2


def test_notes_to_type_checkers_are_left_out():
    listing = listing_of(Typed(), "relu", torch.ones(1))
    assert listing.lines[1].text == "    return x.relu()  # (N, 1)"
    assert marked(listing) == "x.relu()"


def test_columns_are_characters_and_several_lines_are_one_mark():
    listing = listing_of(Umlauts(), "relu", torch.ones(1))
    assert marked(listing) == "x.relu(\n        )"


class Block(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.flip = flip

    def forward(self, x):
        x = self.linear(x)
        if self.flip:
            x = -x
        return x


class Outer(nn.Module):
    def __init__(self):
        super().__init__()
        self.plain, self.flipped = Block(False), Block(True)
        self.head = nn.Sequential(nn.ReLU(), nn.Linear(2, 1))

    def forward(self, x):
        x = self.flipped(self.plain(x))
        x = self.plain(x)  # a second time
        return self.finish(x)

    def finish(self, x):
        return self.head(x)


def test_a_nested_module_shows_its_own_forward_and_its_own_path():
    model = Outer()
    trace, visits = watched(model, torch.ones(1, 2))
    shown = {step.name: read_source(model, trace, visits, i) for i, step in enumerate(trace)}
    assert shown["plain.linear"].title == "plain: Block.forward"
    assert shown["flipped.linear"].title == "flipped: Block.forward"
    assert line(shown["plain.linear"], "x = -x").ran is False
    assert line(shown["plain.linear_2"], "x = -x").ran is False
    assert line(shown["flipped.linear"], "x = -x").ran is True
    assert marked(shown["flipped.neg"]) == "-x"
    assert shown["head.0"].title == "Outer.finish"
    assert shown["head.0"].inside == "head.0: ReLU()"
    assert marked(shown["head.1"]) == "self.head(x)"


class Shared(nn.Module):
    """One layer, called twice, that goes two ways: only the call itself can tell them apart."""

    def __init__(self):
        super().__init__()
        self.part = Halves()

    def forward(self, x):
        return self.part(self.part(x))


class Halves(nn.Module):
    def forward(self, x):
        if x.sum() > 10:
            return x / 2
        return x * 2


def test_each_call_of_a_shared_module_has_its_own_path():
    model = Shared()
    trace, visits = watched(model, torch.full((1,), 12.0))
    ops = [step.op for step in trace]
    assert ops == ["sum", "gt", "div", "sum", "gt", "mul"]
    for index, taken, skipped in [
        (0, "return x / 2", "return x * 2"),
        (3, "return x * 2", "return x / 2"),
    ]:
        listing = read_source(model, trace, visits, index)
        assert line(listing, taken).ran is True
        assert line(listing, skipped).ran is False


class Generates(nn.Module):
    def forward(self, x):
        def scaled(by):
            if by > 5:
                return x
            return x * by

        def parts():
            yield x.relu()
            yield x.abs()

        out = sum(parts())
        return out + sum(scaled(by) for by in (1, 2, 3))


def test_inner_functions_and_generators_show_the_function_around_them():
    model = Generates()
    trace, visits = watched(model, torch.ones(2))
    for index in range(len(trace)):
        listing = read_source(model, trace, visits, index)
        if trace.steps[index].op in ("relu", "abs", "mul"):
            assert marked(listing) == trace.steps[index].source
    inner = next(i for i, s in enumerate(trace) if s.op == "mul")
    titles = {read_source(model, trace, visits, i).title for i in range(len(trace))}
    assert "Generates.forward" in titles
    listing = read_source(model, trace, visits, inner)
    assert line(listing, "return x * by").times in (1, 3)


class Fails(nn.Module):
    def forward(self, x):
        try:
            x = self.inner(x, 3)
        except RuntimeError:
            x = x + 1
        y = x * 2
        return self.inner(y, 5)

    def inner(self, x, size):
        return x.reshape(size, size)


def test_an_error_is_marked_where_it_was_raised():
    model = Fails()
    trace, visits = watched(model, torch.ones(2))
    assert trace.error is not None
    assert [step.op for step in trace] == ["add", "mul", "reshape"]
    last = read_source(model, trace, visits, 2)
    assert last.title == "Fails.inner"
    assert marked(last) == "x.reshape(size, size)"
    assert read_source(model, trace, visits, 0).title == "Fails.forward"
    assert line(read_source(model, trace, visits, 1), "return self.inner(y").ran is True


def test_a_sequential_shows_its_printed_layers():
    model = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(4, 3), nn.ReLU()))
    trace, visits = watched(model, torch.ones(1, 4))
    listing = read_source(model, trace, visits, 2)
    assert "\n".join(one.text for one in listing.lines) == repr(model)
    assert marked(listing) == "(1): ReLU()"
    assert not listing.is_source
    assert listing.title == "the layers of Sequential"


@pytest.mark.parametrize("known", [True, False])
def test_a_class_of_a_notebook_cell_and_one_without_any_text(known):
    name = f"<ipython-input-{known}>"
    text = (
        "import torch\n"
        "class Cell(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        flag = False\n"
        "        if flag:\n"
        "            x = torch.tanh(x)\n"
        "        return torch.relu(x)\n"
    )
    if known:  # as IPython registers a cell
        linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {}
    exec(compile(text, name, "exec"), space)
    model = space["Cell"]()
    listing = listing_of(model, "relu", torch.ones(1))
    if known:
        assert marked(listing) == "torch.relu(x)"
        assert line(listing, "x = torch.tanh").ran is False
    else:
        assert listing.title == "the layers of Cell"
        assert not listing.is_source


def test_watching_changes_nothing():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn, self.drop = nn.BatchNorm1d(3), nn.Dropout(0.5)

        def forward(self, x):
            return self.drop(self.bn(x))

    model, x = Model(), torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    state = {k: v.clone() for k, v in model.state_dict().items()}
    torch.manual_seed(5)
    plain = [step.value for step in Tracer()(model, x)]
    torch.manual_seed(5)
    rng = torch.get_rng_state()
    events = []

    def debugger(frame, event, arg):
        events.append(event)

    found = sys.gettrace()
    sys.settrace(debugger)
    try:
        trace, _ = watched(model, x)
        assert sys.gettrace() is debugger
    finally:
        sys.settrace(found)
    assert all(torch.equal(step.value, value) for step, value in zip(trace, plain, strict=True))
    assert torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert events


def test_what_it_saw_is_freed_without_the_garbage_collector():
    model = fw.models.SimpleNN()
    gc.collect()
    gc.disable()
    try:
        watch = LineWatch()
        trace = Tracer(watch=watch)(model, torch.ones(1, 3))
        visit, step = weakref.ref(trace), weakref.ref(trace.steps[0].value)
        assert read_source(model, trace, watch.visits, 0).title == "SimpleNN.forward"
        del trace
        assert visit() is None
        assert step() is None
    finally:
        gc.enable()


def test_a_step_knows_what_the_model_was_given():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(1, 2))

        def forward(self, x, pair, *, third):
            y = self.weight + x
            x.add_(pair[0])
            return torch.cat([x, y, third["it"]]).matmul(torch.ones(3, 1))

    one = torch.ones(1, 2)
    trace = Tracer()(Model(), one, (one.clone(),), third={"it": one.clone()})
    assert [step.given for step in trace if step.op != "ones"] == [
        (False, True),
        (True, True),
        (False, False, True),
        (False, False),
    ]
    assert trace[-1].error is not None
    assert Tracer()(nn.Identity(), one).output_step is None
