import dataclasses

import pytest
import torch
from toy_jets import toy_jets

from partonic.core.errors import InputError, UnknownNameError
from partonic.represent import REPRESENTATIONS, representation
from partonic.represent.batch import Features, Images, LundTrees, PackedJets, Segmented, Trees

BATCHES = {"packed": PackedJets, "trees": Trees, "lund": LundTrees, "image": Images}
ELSEWHERE = {"events", "several", "streams", "voxels"}  # need more than momenta, or nest: tests of their own
OF_MOMENTA = sorted({*REPRESENTATIONS} - ELSEWHERE)


@pytest.mark.parametrize("name", OF_MOMENTA)
def test_a_representation_is_plain_data_and_makes_its_batch(name):
    represent = representation(name)
    options = dataclasses.asdict(represent)
    assert all(isinstance(value, int | float | str | None) for value in options.values())
    assert representation(name, **options) == represent
    batch = represent(toy_jets(5))
    assert isinstance(batch, BATCHES.get(name, Features))
    assert len(batch) == 5
    assert all(
        torch.isfinite(getattr(batch, field.name)).all()
        for field in dataclasses.fields(batch)
        if getattr(batch, field.name).is_floating_point()
    )


@pytest.mark.parametrize("name", OF_MOMENTA)
def test_a_representation_of_a_part_is_part_of_the_representation(name):
    events, represent = toy_jets(10), representation(name)
    whole, part = represent(events), represent(events[4:7])
    for field in dataclasses.fields(whole):
        a, b = getattr(whole, field.name), getattr(part, field.name)
        if isinstance(whole, Segmented):
            start, stop = whole.offsets[4], whole.offsets[7]
            expected = a[4:8] - start if field.name == "offsets" else a[start:stop]
        else:
            expected = a[4:7]
        torch.testing.assert_close(b, expected, rtol=0, atol=0)


def test_unknown_names_say_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown representation 'packd'; did you mean 'packed'"):
        representation("packd")
    with pytest.raises(InputError, match="'image' has no option 'sise'; did you mean 'size'"):
        representation("image", sise=3)
