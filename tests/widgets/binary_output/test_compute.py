import torch
from hypothesis import given
from hypothesis import strategies as st

from fwdwidgets.widgets.binary_output.compute import decide_binary, sigmoid_curve

# Printed in the course: outputs of an untrained network for five animals.
PRINTED = torch.tensor([0.5188, 0.3761, 0.5015, 0.3718, 0.4663])


def test_the_course_s_printed_outputs_make_mammals_of_rows_one_and_three():
    assert decide_binary(PRINTED).tolist() == [True, False, True, False, False]


@given(st.lists(st.floats(0, 1, width=32), min_size=1), st.floats(0, 1))
def test_a_probability_of_exactly_the_threshold_is_class_1(chances, threshold):
    values = torch.tensor(chances, dtype=torch.float64)
    expected = [chance >= threshold for chance in values.tolist()]
    assert decide_binary(values, threshold).tolist() == expected
    assert bool(decide_binary(torch.tensor([0.5]), 0.5))


def test_the_curve_reaches_past_all_finite_raw_numbers():
    x, y = sigmoid_curve(torch.tensor([-7.0, 3.0, torch.inf, torch.nan]))
    assert -float(x[0]) == float(x[-1]) > 7
    assert torch.equal(y, torch.sigmoid(x))
    assert float(sigmoid_curve(torch.tensor([torch.nan]))[0][-1]) == 4
