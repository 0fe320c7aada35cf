import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.cnn import CNN
from partonic.models.deeptop import DeepTop
from partonic.models.resnext import ResNeXt
from partonic.represent.batch import Images


@pytest.mark.parametrize(("size", "channels", "width"), [(8, 1, 4), (32, 3, 8)])
def test_other_sizes(size, channels, width):
    assert CNN(size, channels, width)(Images(torch.rand(5, channels, size, size))).shape == (5,)


@pytest.mark.parametrize(("size", "channels"), [(10, 1), (37, 3)])
def test_other_sizes_of_deeptop(size, channels):
    net = DeepTop(size, channels, (4, 4, 8, 8), (5,))
    assert net(Images(torch.rand(5, channels, size, size))).shape == (5,)


@pytest.mark.parametrize(("size", "channels"), [(33, 1), (64, 3)])
def test_other_sizes_of_resnext(size, channels):
    net = ResNeXt((1, 2), (8, 16), 4, 8, channels=channels)
    assert net(Images(torch.rand(5, channels, size, size))).shape == (5,)


@pytest.mark.parametrize("size", [0, 4, 33])
def test_a_size_that_does_not_divide_is_refused(size):
    with pytest.raises(InputError, match="a multiple of 8, not"):
        CNN(size=size)


def test_images_too_small_for_deeptop_are_refused():
    with pytest.raises(InputError, match="'deeptop' must have a size of 10 or more, not 9"):
        DeepTop(size=9)


@pytest.mark.parametrize("cls", [CNN, DeepTop, ResNeXt])
def test_every_pixel_has_a_say(cls):
    torch.manual_seed(0)
    pixels = torch.rand(4, 1, 40, 40, requires_grad=True)
    cls()(Images(pixels)).sum().backward()
    assert (pixels.grad.abs().sum(0) > 0).all()
