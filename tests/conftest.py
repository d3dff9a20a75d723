"""Fixed seeds for the property tests, and the state that a test may not leave behind."""

import pytest
from hypothesis import settings

import tapead

settings.register_profile(
    "fixed", derandomize=True, deadline=None, max_examples=100, database=None, print_blob=False
)
settings.load_profile("fixed")


def pytest_addoption(parser):
    """--slow runs the tests marked slow as well."""
    parser.addoption("--slow", action="store_true", help="run the tests marked slow as well")


def pytest_collection_modifyitems(config, items):
    """Leave the slow tests out unless they are asked for."""
    slow = [item for item in items if item.get_closest_marker("slow")]
    if slow and not config.getoption("--slow"):
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)


@pytest.fixture(autouse=True)
def no_tape_is_left_active():
    """After every test a Var is refused again, and the next gradient is right."""
    yield
    with tapead.Tape() as tape:
        x = tape.variable(1.5)
    with pytest.raises(tapead.TapeError, match="no tape is recording"):
        x + 1.0
    assert tapead.grad(tapead.square)(1.5) == 3.0
