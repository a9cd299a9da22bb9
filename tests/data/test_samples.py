import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn
from torch.utils.data import (
    DataLoader,
    IterableDataset,
    TensorDataset,
)

from fwdwidgets.data import batch_of_one, dataset_length, get_sample
from fwdwidgets.data.datasets import import_torchvision
from tests.data.own import Own


class Stream(IterableDataset):
    def __iter__(self):
        return iter([])


class Endless:
    def __getitem__(self, index):
        return torch.zeros(2), 0


def label_of(value, **kwargs):
    return get_sample([(torch.zeros(2), value)], 0, **kwargs).label


def input_of(value):
    return get_sample([(value, 0)], 0).input


@pytest.mark.parametrize("wrap", [list, tuple, lambda items: Own(*items)])
def test_any_indexable_dataset_of_pairs(wrap):
    inputs = torch.rand(3, 1, 2, 2)
    dataset = wrap([(inputs[0], 4), [inputs[1], 5], (inputs[2], None)])
    assert dataset_length(dataset) == 3
    assert [get_sample(dataset, i).label for i in range(3)] == [4, 5, None]
    assert [get_sample(dataset, i).index for i in range(3)] == [0, 1, 2]
    assert all(torch.equal(get_sample(dataset, i).input, inputs[i]) for i in range(3))


@given(st.integers(1, 20).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n - 1))))
def test_a_tensor_dataset(place):
    length, index = place
    inputs, labels = torch.rand(length, 2), torch.randint(10, (length,))
    sample = get_sample(TensorDataset(inputs, labels), index)
    assert torch.equal(sample.input, inputs[index])
    assert type(sample.label) is int
    assert sample.label == labels[index]


def test_a_numpy_index_is_an_index():
    sample = get_sample([(torch.zeros(1), 0), (torch.ones(1), 1)], np.int64(1))
    assert (sample.index, type(sample.index)) == (1, int)


@pytest.mark.parametrize("mode", ["L", "RGB", "1", "I;16", "F"])
def test_pillow_images_become_tensors_as_in_torchvision(mode):
    image = Image.new("RGB", (4, 3), (255, 128, 0)).convert(mode.replace(";16", ""))
    image = image.convert(mode)
    oracle = import_torchvision().transforms.functional.to_tensor(image)
    assert torch.equal(input_of(image), oracle)


def test_arrays_keep_their_type_and_values():
    array = np.arange(6, dtype=np.float64).reshape(2, 3)
    frozen = array.copy()
    frozen.flags.writeable = False
    for one in (array, frozen, array[::-1], array.T, array.astype(">f8"), array.astype(np.uint8)):
        tensor = input_of(one)
        assert np.array_equal(tensor.numpy(), one)
        assert str(tensor.dtype) == f"torch.{one.dtype.newbyteorder('=').name}"


def test_numbers_and_lists_become_tensors():
    assert torch.equal(input_of([[0.5, 1.0], [2.0, 3.0]]), torch.tensor([[0.5, 1], [2, 3]]))
    assert torch.equal(input_of((1, 2)), torch.tensor([1, 2]))
    assert torch.equal(input_of(np.float32(0.5)), torch.tensor(0.5))


def test_a_parameter_comes_without_its_graph():
    sample_input = input_of(nn.Parameter(torch.ones(2)))
    assert type(sample_input) is torch.Tensor
    assert not sample_input.requires_grad


@pytest.mark.parametrize("value", ["cat", None, {"a": 1}, [[1], [1, 2]], np.array(["a"]), object()])
def test_an_input_that_is_not_numbers(value):
    with pytest.raises(ValueError, match=r"the input of sample 0 is .* return a tensor"):
        input_of(value)


@pytest.mark.parametrize(
    "value",
    [
        7,
        np.int64(7),
        np.uint8(7),
        np.array(7),
        np.array([7]),
        torch.tensor(7),
        torch.tensor([7]),
        torch.tensor(7, dtype=torch.uint8),
    ],
)
def test_whole_numbers_are_labels(value):
    assert label_of(value) == 7
    assert type(label_of(value)) is int


def test_true_and_false_are_classes_1_and_0():
    assert [label_of(value) for value in (True, np.False_, torch.tensor(True))] == [1, 0, 1]
    assert type(label_of(True)) is int


@pytest.mark.parametrize(
    "value", [1.5, 2.0, np.float32(1.5), torch.tensor(1.5), torch.tensor([2.0])]
)
def test_a_float_is_a_target_and_no_label(value):
    with pytest.raises(ValueError, match=r"the label of sample 0 is .* no integer.*int\(label\)"):
        label_of(value)
    assert label_of(value, target=True) == float(value)
    assert type(label_of(value, target=True)) is float


@pytest.mark.parametrize("target", [False, True])
@pytest.mark.parametrize("value", ["boot", [1], {"label": 1}, (1, 2), 1j])
def test_a_label_that_is_no_number(value, target):
    with pytest.raises(ValueError, match=r"the label of sample 0 is .*no integer.*class index"):
        label_of(value, target=target)


@pytest.mark.parametrize("value", [torch.eye(10)[3], np.eye(10)[3]])
def test_a_one_hot_label(value):
    with pytest.raises(ValueError, match=r"shape \(10,\).*one-hot.*int\(label.argmax\(\)\)"):
        label_of(value)


@pytest.mark.parametrize("index", [-1, 1000, 2**70])
def test_a_sample_out_of_range(index):
    dataset = TensorDataset(torch.zeros(1000, 1), torch.zeros(1000).long())
    with pytest.raises(
        IndexError,
        match=rf"^sample={index} is out of range; this dataset has 1000 samples: choose 0 to 999$",
    ):
        get_sample(dataset, index)


def test_the_only_sample_is_0():
    with pytest.raises(IndexError, match=r"this dataset has 1 sample: choose 0$"):
        get_sample([(torch.zeros(1), 0)], 1)


@pytest.mark.parametrize("index", [True, 1.0, "1", None, slice(1)])
def test_a_sample_that_is_no_int(index):
    with pytest.raises(TypeError, match=r"sample=.* give an int from 0 to 0"):
        get_sample([(torch.zeros(1), 0)], index)


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (torch.rand(2, 3), r"a tensor of shape \(2, 3\)"),
        ((torch.rand(2),), "a tuple of 1 item:"),
        ((torch.rand(2), 1, 2), "a tuple of 3 items"),
        ({"image": 1, "label": 2}, "a dict with the keys 'image', 'label'"),
        (np.zeros(2), r"array\(\[0., 0.\]\) \(ndarray\)"),
        ("ab", r"'ab' \(str\)"),
        (None, r"None \(NoneType\)"),
    ],
)
def test_an_item_that_is_no_pair(item, what):
    with pytest.raises(ValueError, match=rf"sample 0 is no \(input, label\) pair but {what}"):
        get_sample([item], 0)


def test_two_tensors_are_pointed_to_tensor_dataset():
    with pytest.raises(ValueError, match=r"use TensorDataset\(inputs, labels\)"):
        get_sample((torch.rand(2, 3), torch.zeros(2)), 0)
    with pytest.raises(ValueError, match=r"build it as TensorDataset\(inputs, labels\)"):
        get_sample(TensorDataset(torch.rand(2, 3)), 0)


def test_a_dataset_that_raises_is_named_with_its_sample():
    cause = FileNotFoundError("boot.png")
    with pytest.raises(
        RuntimeError, match=r"sample 1 .* Own\[1\] raised FileNotFoundError: boot.png"
    ) as e:
        get_sample(Own((torch.zeros(1), 0), cause), 1)
    assert e.value.__cause__ is cause


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        (DataLoader([(0, 0)]), r"DataLoader.*pass loader.dataset"),
        (Own, r"the class Own: pass an instance, Own\(...\)"),
        (Stream(), r"IterableDataset \(Stream\).*list\(dataset\)"),
        (Endless(), "Endless, which has no length"),
        (iter([]), "list_iterator, which cannot be indexed"),
        ({"a": 1}, "a dict, not a dataset"),
        ("abc", "a str, not a dataset"),
        (None, "NoneType, which cannot be indexed"),
        (3, "int, which cannot be indexed"),
    ],
)
def test_what_is_no_dataset(dataset, words):
    with pytest.raises(TypeError, match=words):
        dataset_length(dataset)
    with pytest.raises(TypeError, match=words):
        get_sample(dataset, 0)


@pytest.mark.parametrize("dataset", [[], (), Own(), TensorDataset(torch.zeros(0, 3))])
def test_an_empty_dataset(dataset):
    with pytest.raises(ValueError, match="empty"):
        dataset_length(dataset)


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8, torch.float64])
@pytest.mark.parametrize(
    "model", [nn.Linear(2, 2).bfloat16(), nn.ReLU(), nn.BatchNorm1d(2, affine=False)]
)
def test_a_batch_of_one(model, dtype):
    sample_input = torch.ones(2, 3, dtype=dtype)
    batch = batch_of_one(sample_input, model)
    assert torch.equal(batch, sample_input.reshape(1, 2, 3))
    assert batch.dtype == dtype
    assert batch.device == torch.device("cpu")


@pytest.mark.parametrize(
    "model", [nn.Linear(2, 2, device="meta"), nn.BatchNorm1d(2, affine=False, device="meta")]
)
def test_a_batch_goes_where_the_model_is(model):
    assert batch_of_one(torch.ones(2), model).device.type == "meta"


def test_tensors_need_torch_alone():
    code = (
        "import sys, torch; from fwdwidgets.data.samples import get_sample; "
        "get_sample([(torch.zeros(2), 0)], 0); print('torchvision' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"
