"""`compute` is torch alone with static shapes: it exports, and the graph says the same."""

import torch

import fwdwidgets as fw
from fwdwidgets import display
from fwdwidgets.compute import DROPOUT_SEED, Forward, ForwardView


def test_the_deeplizard_network_exports_with_all_that_is_drawn():
    torch.manual_seed(0)
    model = fw.models.Network().eval()
    batch = torch.rand(1, 1, 28, 28)
    with torch.no_grad():
        exported = torch.export.export(ForwardView(model), (batch,)).module()
        other = torch.rand(1, 1, 28, 28)
        view = exported(other)
        trace = fw.trace_forward(model, other)
        output = model(other)[0]
    assert set(view) == {"input", "answer", *(f"steps.{step.name}" for step in trace)}
    assert torch.equal(view["input"]["picture"], other[0, 0])
    for step in trace:
        where = display.grid(step.shape)
        drawn = view[f"steps.{step.name}"]
        torch.testing.assert_close(drawn["value"], step.value)
        expected = display.arrange(step.value, where)
        torch.testing.assert_close(drawn["picture"], expected, equal_nan=True)
        torch.testing.assert_close(drawn["range"][1], step.value.abs().max())
    torch.testing.assert_close(view["answer"]["logits"], output)
    torch.testing.assert_close(view["answer"]["probabilities"], output.softmax(0))


def test_a_graph_holds_torch_operations_only():
    model = fw.models.Network().eval()
    program = torch.export.export(ForwardView(model), (torch.rand(1, 1, 28, 28),))
    kinds = {node.op for node in program.graph.nodes}
    assert kinds == {"placeholder", "call_function", "output"}
    names = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert all(name.startswith("aten.") for name in names)


def test_predict_is_what_the_recorded_run_predicts():
    forward = Forward(fw.models.ImageClassifier, training=True)
    forward.use_seed(1)
    for _ in range(3):
        image = torch.rand(1, 28, 28)
        run = forward.run(image)
        assert forward.predict(image) == run.answer.prediction


def test_dropout_is_drawn_under_the_documented_seed():
    forward = Forward(fw.models.ImageClassifier, training=True)
    forward.use_seed(0)
    image = torch.rand(1, 28, 28)
    run = forward.run(image)
    torch.manual_seed(0)
    model = fw.models.ImageClassifier().train()
    torch.manual_seed(DROPOUT_SEED)
    with torch.no_grad():
        assert torch.equal(run.trace.output, model(image[None]))
