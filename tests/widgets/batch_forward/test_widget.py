"""The batch widget without a browser: rows, clicks, links; PyTorch as the oracle."""

import ipywidgets
import numpy as np
import pytest
import torch
import traitlets
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fwdwidgets as fw
from tests.widgets.looking import find, images, message


def dataset(count=20, shape=(1, 28, 28), classes=10):
    inputs = torch.rand((count, *shape), generator=torch.Generator().manual_seed(3))
    return TensorDataset(inputs, torch.arange(count) % classes)


def model_of(seed, model=fw.models.Network):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model().eval()


def logits_of(model, data, start, stop):
    with torch.no_grad():
        return model(data.tensors[0][start:stop])


def traces(widget):
    return {trace.name: trace for trace in widget.figure.data if trace.name}


def heatmaps(widget):
    return {
        t.name: np.asarray(t.z) for t in widget.figure.data if t.type == "heatmap" and t.visible
    }


def alone(widget):
    return find(widget, "fwd-alone").value


# --- the numbers ----------------------------------------------------------------------------------


def test_results_are_those_of_plain_pytorch_on_the_batch_of_a_data_loader():
    data = dataset(20)
    widget = fw.BatchForward(fw.models.Network, data, seed=4, size=6)
    model = model_of(4)
    for start, (inputs, labels) in enumerate(DataLoader(data, batch_size=6)):
        widget.start = 6 * start
        with torch.no_grad():
            logits = model(inputs)
        assert widget.labels == tuple(labels.tolist())
        assert widget.predictions == tuple(logits.argmax(1).tolist())
        right = (logits.argmax(1) == labels).double().mean()
        assert widget.accuracy == pytest.approx(float(right))
        np.testing.assert_allclose(widget.probabilities, logits.softmax(1), atol=1e-7)
        drawn = heatmaps(widget)
        assert np.array_equal(drawn["logits"], logits.numpy())
        np.testing.assert_allclose(drawn["probabilities"], logits.softmax(1), atol=1e-7)
        assert np.array_equal(drawn["pictures"][:28, :28], inputs[0, 0].numpy())
        counts = np.zeros((10, 10))
        np.add.at(counts, (labels.numpy(), logits.argmax(1).numpy()), 1)
        assert np.array_equal(np.nan_to_num(drawn["confusion"]), counts)
    assert len(widget.labels) == 2  # the dataset ends


def test_sums_stand_at_each_row_and_probabilities_sum_to_one():
    widget = fw.BatchForward(fw.models.Network, dataset(), seed=4, size=3)
    logits = logits_of(model_of(4), dataset(), 0, 3)
    texts = [a.ticktext for a in widget.figure.select_yaxes() if a.side == "right" and a.ticktext]
    assert texts == [
        tuple(f"sum {total:.3f}" for total in logits.sum(1).tolist()),
        ("sum 1.000",) * 3,
    ]


def test_shapes_in_the_table_begin_with_the_batch():
    widget = fw.BatchForward(fw.models.Network, dataset(), size=5)
    (table,) = [child for child in widget.children if hasattr(child, "rows")]
    assert [row[2] for row in table.rows][:3] == [
        "(5, 6, 24, 24)",
        "(5, 6, 24, 24)",
        "(5, 6, 12, 12)",
    ]
    assert table.rows[-1][2] == "(5, 10)"
    assert "The first axis of every shape is the batch: 5." in table.caption


def test_signs_say_right_wrong_and_unknown():
    data = [(image, label if n else None) for n, (image, label) in enumerate(images(4))]
    model = model_of(0)
    with torch.no_grad():
        predictions = model(torch.stack([image for image, _ in data])).argmax(1).tolist()
    data[1] = data[1][0], predictions[1]
    data[2] = data[2][0], (predictions[2] + 1) % 10
    widget = fw.BatchForward(model, data, size=3)
    assert list(traces(widget)["signs"].text) == ["●", "✓", "✗"]
    assert widget.accuracy == 0.5
    assert "1 of 2 right" in find(widget, "fwd-status").value
    widget.row = 1
    badge, _ = widget.children[4].children
    assert "✓ correct" in badge.value.replace("</span> <span>", " ")
    widget.row = 0
    assert "prediction: class" in badge.value


# --- row and sample -------------------------------------------------------------------------------


def test_row_start_and_sample_stay_together():
    widget = fw.BatchForward(fw.models.Network, dataset(20), size=6)
    assert (widget.start, widget.row, widget.sample) == (0, 0, 0)
    widget.row = 4
    assert (widget.start, widget.row, widget.sample) == (0, 4, 4)
    widget.start = 3
    assert (widget.start, widget.row, widget.sample) == (3, 4, 7)
    widget.sample = 16  # batches from 3 on: 3 to 8, 9 to 14, 15 to 20
    assert (widget.start, widget.row, widget.sample) == (15, 1, 16)
    widget.sample = 1
    assert (widget.start, widget.row, widget.sample) == (0, 1, 1)
    widget.start = 19  # one sample is left
    assert (widget.start, widget.row, widget.sample) == (19, 0, 19)
    widget.start, widget.size = 0, 10
    widget.row = 9
    widget.size = 2
    assert (widget.row, widget.sample) == (1, 1)
    widget.next_batch()
    assert widget.start == 2
    widget.previous_batch()
    widget.previous_batch()
    assert widget.start == 0
    assert fw.BatchForward(fw.models.Network, dataset(20), start=4, sample=9).row == 5


def test_another_row_runs_no_batch_again():
    sizes = []
    model = model_of(0)
    model.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    widget = fw.BatchForward(model, dataset())
    sizes.clear()
    z = widget.figure.data[0].z
    widget.row = 3
    assert sizes == [1]
    assert widget.figure.data[0].z is z


@pytest.mark.parametrize("link", [traitlets.link, ipywidgets.link])
def test_the_sample_is_the_sample_everywhere(link):
    data = dataset(20)
    batch = fw.BatchForward(fw.models.Network, data, seed=1, size=4)
    one = fw.ForwardPass(fw.models.Network, data, seed=1)
    link((batch, "sample"), (one, "sample"))
    batch.row = 2
    assert one.sample == 2
    assert one.prediction == batch.predictions[2]
    one.sample = 13
    assert (batch.sample, batch.start, batch.row) == (13, 12, 1)
    batch.start = 5
    assert one.sample == 6
    assert one.label == batch.labels[batch.row]
    find(one, "fwd-sample").value = 19
    assert (batch.start, batch.row) == (17, 2)


def test_a_click_on_a_row_or_a_picture_chooses_it():
    widget = fw.BatchForward(fw.models.Network, dataset(), size=5)
    numbers = {trace.name: n for n, trace in enumerate(widget.figure.data)}
    (plot,) = [child for child in widget.children if hasattr(child, "figure")]

    def click(name, x, y):
        content = {"kind": "click", "trace": numbers[name], "x": x, "y": y}
        plot._handle_custom_msg(content, [])

    click("logits", 7, 3)
    assert widget.sample == 3
    click("probabilities", 0, 1)
    assert widget.sample == 1
    columns = (np.asarray(widget.figure.data[0].z).shape[1] + 1) // 29
    click("pictures", 29 * (4 % columns) + 5, 29 * (4 // columns) + 27)
    assert widget.sample == 4
    for name, x, y in [("confusion", 1, 1), ("pictures", 10_000, 10_000), ("logits", 0, "a")]:
        click(name, x, y)
    assert widget.sample == 4
    assert message(widget) == ""


def test_controls_and_traits_follow_each_other():
    widget = fw.BatchForward(fw.models.Network, dataset(20), size=6)
    find(widget, "fwd-chosen-row").value = 5
    assert widget.sample == 5
    find(widget, "fwd-start").value = 12
    assert (widget.start, widget.sample) == (12, 17)
    find(widget, "fwd-size").value = 2
    assert (widget.row, widget.sample) == (1, 13)
    assert find(widget, "fwd-chosen-row").max == 1
    find(widget, "fwd-seed").value = 8
    assert widget.seed == 8
    assert widget.predictions == tuple(logits_of(model_of(8), dataset(20), 12, 14).argmax(1))


# --- alone ----------------------------------------------------------------------------------------


def test_alone_and_in_the_batch_the_row_is_the_same_and_the_largest_difference_is_told():
    data, model = dataset(), model_of(2)
    widget = fw.BatchForward(model, data, size=8)
    for index in range(8):
        widget.row = index
        one = logits_of(model, data, index, index + 1)[0]
        difference = float((one - logits_of(model, data, 0, 8)[index]).abs().max())
        assert f"Row {index} alone" in alone(widget)
        expected = f"{difference:.1e}" if difference else "bit for bit"
        assert expected in alone(widget)
        assert "✓" in alone(widget)


def test_batchnorm_in_train_mode_is_named():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(1352, 10))
    widget = fw.BatchForward(model, dataset(), training=True, size=4)
    model.train()
    with torch.no_grad():
        inputs = dataset().tensors[0]
        difference = float((model(inputs[:1])[0] - model(inputs[:4])[0]).abs().max())
    assert f"{difference:.3g}" in alone(widget)
    assert "BatchNorm in train mode" in alone(widget)
    assert "✗" in alone(widget)
    assert "BatchNorm" not in alone(fw.BatchForward(model, dataset(), size=4))


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trait", "value", "words"),
    [
        ("start", 20, "start=20 is out of range.*choose 0 to 19"),
        ("start", -1, "start=-1"),
        ("size", 0, "size=0 is out of range: choose 1 to 32"),
        ("size", 33, "size=33"),
        ("row", 8, "row=8 is out of range; this batch has 8 rows: choose 0 to 7"),
        ("sample", 20, "sample=20 is out of range"),
    ],
)
def test_a_bad_value_is_refused_in_a_sentence_and_changes_nothing(trait, value, words):
    widget = fw.BatchForward(fw.models.Network, dataset(20))
    before = widget.start, widget.size, widget.row, widget.sample
    with pytest.raises(ValueError, match=words):
        setattr(widget, trait, value)
    assert (widget.start, widget.size, widget.row, widget.sample) == before
    assert str(value) in message(widget)
    if trait in ("start", "size", "sample"):
        with pytest.raises(ValueError, match=words):
            fw.BatchForward(fw.models.Network, dataset(20), **{trait: value})


def test_shapes_that_differ_are_told_and_the_old_picture_stays():
    data = [(image, label) for image, label in images(6)]
    data[5] = torch.rand(1, 30, 30), 5
    widget = fw.BatchForward(fw.models.Network, data, size=4)
    (plot,) = [child for child in widget.children if hasattr(child, "figure")]
    z = widget.figure.data[0].z
    with pytest.raises(ValueError, match="sample 5 has the shape"):
        widget.start = 2
    assert plot.old
    assert widget.figure.data[0].z is z
    assert "sample 5 has the shape (1, 30, 30)" in message(widget)
    assert "It shows samples 0 to 3".lower() in message(widget).lower()
    assert widget.predictions == ()
    widget.start = 1
    assert not plot.old
    assert message(widget) == ""
    told = fw.BatchForward(fw.models.Network, data)
    assert "need one shape" in message(told)
    badge, alone_badge = told.children[4].children
    assert "no answer" in badge.value
    assert alone_badge.value == ""


def test_a_forward_made_for_one_sample_is_told():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.out = nn.Linear(784, 10)

        def forward(self, x):
            return self.out(x.reshape(1, 784))

    widget = fw.BatchForward(Fixed, dataset())
    assert "made for a batch of 1" in message(widget)
    widget.size = 1
    assert message(widget) == ""
    with pytest.raises(RuntimeError):
        widget.size = 2


def test_a_label_that_is_no_class_is_told():
    widget = fw.BatchForward(fw.models.Network, dataset(20, classes=12), size=5)
    with pytest.raises(ValueError, match=r"label=10.*0 to 9"):
        widget.start = 8
    assert "label=10" in message(widget)


def test_pillow_images_values_and_many_classes():
    image = pytest.importorskip("PIL.Image")
    pictures = [(image.new("L", (28, 28), 40 * n), n) for n in range(4)]
    widget = fw.BatchForward(fw.models.Network, pictures)
    assert heatmaps(widget)["pictures"][0, 0] == 0
    assert heatmaps(widget)["pictures"][0, 29] == np.float32(40 / 255)

    values = TensorDataset(torch.rand(5, 10), torch.rand(5))
    widget = fw.BatchForward(fw.models.Net, values, size=3)
    assert set(heatmaps(widget)) == {"pictures", "logits"}
    assert (widget.labels, widget.predictions) == ((None,) * 3, (None,) * 3)
    assert widget.accuracy is None

    widget = fw.BatchForward(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 300)), dataset(), size=2
    )
    assert heatmaps(widget)["logits"].shape == (2, len({*widget.labels, *widget.predictions}))
    assert "Of 300 classes" in message(widget)


def test_nan_is_no_answer():
    widget = fw.BatchForward(
        nn.Sequential(nn.Flatten(), nn.Linear(784, 3)),
        [(torch.full((784,), float("nan")), 0), (torch.ones(784), 1)],
    )
    assert widget.predictions[0] is None
    assert "NaN" in message(widget)
    assert traces(widget)["signs"].text[0] == "●"


def test_checkpoints_are_shown_by_epoch():
    states = [model_of(seed).state_dict() for seed in range(3)]
    widget = fw.BatchForward(fw.models.Network, dataset(), checkpoints=states, epoch=2, size=3)
    for epoch in (2, 0):
        widget.epoch = epoch
        expected = logits_of(model_of(epoch), dataset(), 0, 3)
        assert np.array_equal(heatmaps(widget)["logits"], expected.numpy())


def test_the_model_is_left_as_found():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(1352, 10))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    fw.BatchForward(model, dataset(), training=True).row = 2
    assert [module.training for module in model] == [True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_unknown_keywords_and_wrong_kinds_are_refused():
    for keyword in ({"start": "a"}, {"size": 2.5}, {"sample": "b"}):
        with pytest.raises((traitlets.TraitError, TypeError), match=next(iter(keyword))):
            fw.BatchForward(fw.models.Network, dataset(), **keyword)
    with pytest.raises(TypeError, match="did you mean 'size'"):
        fw.BatchForward(fw.models.Network, dataset(), sise=3)


def test_a_bad_label_and_too_few_names_raise_at_construction_too():
    with pytest.raises(ValueError, match=r"label=9 of sample 0 is no class.*0 to 2"):
        fw.BatchForward(torch.nn.Linear(4, 3), [(torch.ones(4), 9)])
    with pytest.raises(ValueError, match="class_names has 1 name, but the model has 3 outputs"):
        fw.BatchForward(torch.nn.Linear(4, 3), [(torch.ones(4), 0)], class_names=["one"])
