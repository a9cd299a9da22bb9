import pytest
import torch
from torch import nn

from fwdwidgets.networks import models

NETWORKS = [
    # class, input shape, output shape, numbers of parameters of its layers (weights and biases)
    (models.Network, (3, 1, 28, 28), (3, 10), [156, 1812, 23160, 7260, 610]),
    (models.SimpleNN, (3, 3), (3, 1), [16, 5]),
    (models.ForwardPassDemo, (3, 2), (3, 1), [9, 4]),
    (models.ImageClassifier, (4, 1, 28, 28), (4, 10), [320, 18496, 401536, 1290]),
    (models.Net, (3, 10), (3, 1), [220, 21]),
    (models.MyNetwork, (3, 784), (3, 10), [100480, 1290]),
]


@pytest.mark.parametrize(("network", "given", "wanted", "sizes"), NETWORKS)
def test_shapes_and_sizes_are_the_course_s(network, given, wanted, sizes):
    model = network().eval()
    assert model(torch.rand(given)).shape == wanted
    layers = [m for m in model.children() if list(m.parameters())]
    assert [sum(p.numel() for p in layer.parameters()) for layer in layers] == sizes


def test_the_deeplizard_network_is_relu_and_pooling_around_its_layers():
    torch.manual_seed(0)
    model = models.Network()
    images = torch.rand(2, 1, 28, 28)
    oracle = nn.Sequential(
        *(model.conv1, nn.ReLU(), nn.MaxPool2d(2, 2), model.conv2, nn.ReLU(), nn.MaxPool2d(2, 2)),
        *(nn.Flatten(), model.fc1, nn.ReLU(), model.fc2, nn.ReLU(), model.out),
    )
    assert torch.equal(model(images), oracle(images))


def test_the_image_classifier_drops_a_quarter_in_train_mode_only():
    model, images = models.ImageClassifier(), torch.rand(2, 1, 28, 28)
    assert model.dropout.p == 0.25
    assert not torch.equal(model.train()(images), model(images))
    assert torch.equal(model.eval()(images), model(images))


def test_my_network_takes_course_images_too():
    model, images = models.MyNetwork(), torch.rand(2, 1, 28, 28)
    assert torch.equal(model(images), model(images.reshape(2, 784)))


def test_the_deeplizard_network_passes_torch_export():
    model, images = models.Network().eval(), torch.rand(1, 1, 28, 28)
    exported = torch.export.export(model, (images,)).module()
    torch.testing.assert_close(exported(images), model(images))
