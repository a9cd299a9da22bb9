import numpy as np
import pytest
import torch

import fwdwidgets as fw
from fwdwidgets.data import as_table


def test_numpy_s_float64_becomes_float32_and_it_is_told():
    table = as_table(np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))
    assert table.values.dtype == torch.float32
    assert torch.equal(table.values, torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]))
    assert table.notice == "The float64 numbers became float32: PyTorch's layers work in that."
    assert as_table(torch.zeros(2, 3)).notice == ""


def test_the_given_numbers_are_copied():
    values = torch.zeros(2, 3)
    as_table(values).values.add_(1)
    assert torch.equal(values, torch.zeros(2, 3))


def test_names_come_from_the_table_or_are_made():
    table = as_table([[1, 2]], feature_names=["a", "b"])
    assert (table.row_names, table.feature_names) == (("row 0",), ("a", "b"))
    again = as_table(fw.datasets.animals(), row_names=list("vwxyz"))
    assert again.row_names == tuple("vwxyz")
    assert again.feature_names == fw.datasets.animals().feature_names
    assert again.classes == ("not a mammal", "mammal")


@pytest.mark.parametrize(
    ("inputs", "error", "sentence"),
    [
        (object(), TypeError, "inputs=object are no rows of numbers"),
        ([["a"]], TypeError, "inputs=list are no rows of numbers"),
        ([1.0, 2.0], ValueError, r"shape \(2,\) are no table: .*unsqueeze\(0\)"),
        (torch.zeros(1, 2, 3), ValueError, r"shape \(1, 2, 3\) are no table"),
        (torch.zeros(0, 3), ValueError, r"shape \(0, 3\) are no table"),
        (torch.zeros(65, 3), ValueError, r"too large .* at most 64 rows and 32 features"),
        ([[float("nan")]], ValueError, "NaN or infinity"),
    ],
)
def test_what_is_no_table_is_refused(inputs, error, sentence):
    with pytest.raises(error, match=sentence):
        as_table(inputs)


def test_names_and_targets_must_be_as_many():
    with pytest.raises(ValueError, match="row_names has 1 entries, but there are 2 rows"):
        as_table(torch.zeros(2, 3), row_names=["a"])
    with pytest.raises(ValueError, match="feature_names has 1 entries, but there are 3 columns"):
        as_table(torch.zeros(2, 3), feature_names=["a"])
    with pytest.raises(ValueError, match="targets has 3 entries, but there are 2 rows"):
        as_table(torch.zeros(2, 3), targets=[0, 1, 0])


@pytest.mark.parametrize("target", ["mammal", "class", "weight"])
def test_the_animals(target):
    table = fw.datasets.animals(target)
    assert table.values.shape == (5, 6)
    assert len(table) == len(table.targets) == 5
    kinds = fw.datasets.animals("class").targets
    mammals = fw.datasets.animals("mammal").targets
    assert [kind == 0 for kind in kinds] == [bool(mammal) for mammal in mammals]
    # Who gives milk is a mammal, who has feathers is a bird.
    assert table.values[:, 3].bool().tolist() == [kind == 0 for kind in kinds]
    assert table.values[:, 1].bool().tolist() == [kind == 1 for kind in kinds]


def test_another_target_is_refused():
    with pytest.raises(ValueError, match="target='size' is not there; choose one of mammal"):
        fw.datasets.animals("size")
