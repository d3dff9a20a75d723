"""Fixed seeds for the property tests, and the state that a test may not leave behind."""

import pytest
from hypothesis import settings

import tapead

settings.register_profile(
    "fixed", derandomize=True, deadline=None, max_examples=60, database=None, print_blob=False
)
settings.load_profile("fixed")


@pytest.fixture(autouse=True)
def no_tape_is_left_active():
    """After every test a Var is refused again, and the next gradient is right."""
    yield
    with tapead.Tape() as tape:
        x = tape.variable(1.5)
    with pytest.raises(tapead.TapeError, match="no tape is recording"):
        x + 1.0
    assert tapead.grad(tapead.square)(1.5) == 3.0
