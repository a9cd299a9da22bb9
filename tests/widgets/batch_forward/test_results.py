"""The answers to a batch against what is true, made by hand."""

import torch

from fwdwidgets.networks import Answer
from fwdwidgets.widgets.batch_forward.results import Results


def answer(prediction, head="logits", classes=3):
    output = torch.zeros(classes)
    return Answer(head, output, output, torch.softmax(output, 0), prediction, "")


def test_each_answer_is_right_or_wrong_or_neither():
    results = Results([answer(2), answer(0), answer(1), answer(None)], [2, 1, None, 0])
    assert results.classes == 3
    assert results.signs == ["✓", "✗", "●", "●"]
    assert results.accuracy == 0.5
    assert results.labels == (2, 1, None, 0)
    assert results.predictions == (2, 0, 1, None)


def test_values_have_targets_and_no_labels():
    value = Answer("value", torch.tensor([1.5]), None, torch.empty(0), None, "")
    results = Results([value, value], [1.5, 2.5])
    assert results.classes == 0
    assert results.labels == (None, None)
    assert results.signs == ["●", "●"]
    assert results.accuracy is None


def test_a_batch_without_answers_is_neither_right_nor_wrong():
    results = Results((), [1, 2])
    assert (results.classes, results.signs, results.accuracy) == (0, [], None)
    assert results.as_traits()["labels"] == (None, None)
