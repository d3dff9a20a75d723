"""A package that cimports tapead: it records from a loop without the GIL."""

import subprocess
import sys
import textwrap

import pytest

import tapead

CONSUMER = """
    # cython: language_level=3
    from tapead cimport (
        Ref, State, Tape, Var, active_state, as_ref, new_var, passive, raise_failed,
        record_add, record_divide, record_multiply, record_sin,
    )


    def horner(list coefficients, x):
        "Polynomial at x, recorded on the active tape without the GIL."
        cdef State* st = active_state()
        cdef Ref at, total = passive(0.0)
        cdef double[64] values
        cdef int i, n = len(coefficients)
        if not as_ref(st, x, &at):
            raise TypeError(f"x is a number; got {type(x).__name__}")
        for i in range(n):
            values[i] = coefficients[i]
        with nogil:
            for i in range(n):
                total = record_add(st, record_multiply(st, total, at), passive(values[i]))
            total = record_sin(st, total)
        if st.failed:
            raise_failed(st)
        return new_var(st, total) if total.id else total.value


    def quotient(x, double y):
        "x / y, recorded; IEEE 754 whatever the consumer's own directives are."
        cdef State* st = active_state()
        cdef Ref at
        as_ref(st, x, &at)
        return new_var(st, record_divide(st, at, passive(y)))


    def length(Tape tape):
        return len(tape), tape.active


    cdef double doubled(Var var):
        return 2.0 * var.value


    def twice(Var var):
        return doubled(var)
"""
SETUP = """
    from Cython.Build import cythonize
    from setuptools import Extension, setup

    setup(name="consumer", ext_modules=cythonize([Extension("consumer", ["consumer.pyx"])]))
"""


@pytest.fixture(scope="module")
def consumer(tmp_path_factory):
    """A small extension module, built against the installed package."""
    folder = tmp_path_factory.mktemp("consumer")
    (folder / "consumer.pyx").write_text(textwrap.dedent(CONSUMER))
    (folder / "setup.py").write_text(textwrap.dedent(SETUP))
    command = [sys.executable, "setup.py", "build_ext", "--inplace"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        yield pytest.importorskip("consumer")


def test_gradient_of_what_a_nogil_loop_recorded(consumer):
    with tapead.Tape() as tape:
        x = tape.variable(0.5)
        y = consumer.horner([2.0, -3.0, 0.25], x)
    assert y.value == tapead.sin(2.0 * 0.25 - 3.0 * 0.5 + 0.25)
    expected = tapead.cos(-0.75) * (4.0 * 0.5 - 3.0)
    assert tape.gradient(y, x) == expected


def test_transforms_differentiate_what_a_nogil_loop_records(consumer):
    assert tapead.grad(lambda x: consumer.horner([1.0, 0.0, 0.0], x))(0.0) == 0.0
    assert tapead.derivative(lambda x: consumer.horner([1.0, 0.0], x), 3)(0.0) == -1.0


def test_passive_values_are_not_recorded(consumer):
    assert consumer.horner([1.0, 0.0], 0.5) == tapead.sin(0.5)


def test_record_out_of_room_raises(consumer):
    with tapead.Tape(max_bytes=200) as tape:
        x = tape.variable(0.5)
        with pytest.raises(tapead.TapeMemoryError, match="max_bytes=200"):
            consumer.horner([1.0] * 60, x)


def test_division_by_zero_follows_ieee_in_the_consumer(consumer):
    with tapead.Tape() as tape:
        x = tape.variable(1.0)
        y = consumer.quotient(x, 0.0)
    assert (y.value, tape.gradient(y, x)) == (float("inf"), float("inf"))


def test_var_and_tape_are_c_types(consumer):
    with tapead.Tape() as tape:
        x = tape.variable(3.0)
        assert consumer.length(tape) == (1, True)
        assert consumer.twice(x) == 6.0
