import pytest
import torch
from torch.utils.data import ConcatDataset, Subset, TensorDataset

from fwdwidgets.data import check_class_names, class_names
from tests.data.own import Own


def test_class_names_are_found():
    own = Own((0, 0), (0, 1))
    for dataset in (
        own,
        Subset(own, [0]),
        Subset(Subset(own, [0]), [0]),
        ConcatDataset([own, own]),
    ):
        assert class_names(dataset) == ("left", "right")
    assert class_names(own, ["up", "down"]) == ("up", "down")
    assert class_names(own, (name for name in "ab")) == ("a", "b")
    for dataset in ([], TensorDataset(torch.zeros(1)), ConcatDataset([own, [(0, 0)]])):
        assert class_names(dataset) is None


def test_imagenet_s_synonyms_make_one_name():
    dataset = Own((0, 0))
    dataset.classes = [("tench", "Tinca tinca"), ("goldfish",)]
    assert class_names(dataset) == ("tench, Tinca tinca", "goldfish")


@pytest.mark.parametrize("given_names", ["boots", b"boots", 3, [1, 2], ["a", None], {0: "a"}])
def test_class_names_that_are_no_list_of_strings(given_names):
    with pytest.raises(TypeError, match=r"class_names.*give a list of strings, one for each class"):
        class_names([], given_names)


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_enough_class_names(outputs):
    check_class_names(("a", "b", "c"), outputs)
    check_class_names(None, outputs)


def test_too_few_class_names():
    with pytest.raises(ValueError, match=r"class_names has 3 names, but the model has 10 outputs"):
        check_class_names(("a", "b", "c"), 10)
