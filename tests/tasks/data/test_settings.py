"""Settings of a data set that mean nothing."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tasks.data.settings import DatasetSettings


def test_an_image_is_grey_or_in_colour() -> None:
    assert [DatasetSettings(name="digits", channels=count).channels for count in (1, 3)] == [1, 3]
    with pytest.raises(ValidationError, match="channels: 1 for grey, 3 for colour"):
        DatasetSettings(name="digits", channels=2)
