"""Archives that the reference library reads differently are refused, with a sentence that says where they are wrong."""

from __future__ import annotations

import pytest

import weightedit
from tests.fuzz.regressions import zips


def test_the_whole_one_opens(tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(zips.whole())
    with weightedit.open(path) as document:
        assert list(document.tensors) == ["a", "b"]


@pytest.mark.parametrize("name", zips.CASES)
def test_it_is_refused(name, tmp_path):
    make, said = zips.CASES[name]
    path = tmp_path / "a.npz"
    path.write_bytes(make())
    with pytest.raises(weightedit.CheckpointError, match=said) as refused:
        weightedit.open(path)
    assert str(refused.value).isprintable()
