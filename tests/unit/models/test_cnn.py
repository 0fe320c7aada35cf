import pytest
import torch

from partonic.core.errors import InputError
from partonic.models.cnn import CNN
from partonic.represent.batch import Images


@pytest.mark.parametrize(("size", "channels", "width"), [(8, 1, 4), (32, 3, 8)])
def test_other_sizes(size, channels, width):
    assert CNN(size, channels, width)(Images(torch.rand(5, channels, size, size))).shape == (5,)


@pytest.mark.parametrize("size", [0, 4, 33])
def test_a_size_that_does_not_divide_is_refused(size):
    with pytest.raises(InputError, match="a multiple of 8, not"):
        CNN(size=size)


def test_every_pixel_has_a_say():
    torch.manual_seed(0)
    pixels = torch.rand(4, 1, 40, 40, requires_grad=True)
    CNN()(Images(pixels)).sum().backward()
    assert (pixels.grad.abs().sum(0) > 0).all()
