"""Steps of optimisers: all parameters in one call, without the GIL, on threads where it pays."""

cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from numpy cimport ndarray

from tapead._executor cimport run_chunks, wanted_threads

import numpy as np

cnp.import_array()

cdef enum:
    MOST_NUMBERS = 6
    CHUNK = 1 << 14  # elements of a parameter that one thread changes in one go
    SERIAL = 1 << 17  # elements below which a second thread does not pay

cdef extern from "_updates.h":
    ctypedef struct tapead_parameter:
        void* x
        void* state[2]
        const void* gradient
        int64_t first
        int64_t last
    ctypedef void (*tapead_update)(const tapead_parameter* p, const double* numbers) noexcept nogil
    const tapead_update tapead_updates[1][2]
    enum:
        TAPEAD_SGD
        TAPEAD_RMSPROP
        TAPEAD_ADAGRAD
        TAPEAD_ADAM
        TAPEAD_LAMB

# By name: the number of the rule, how many arrays of state it has at least, and where among its
# numbers is a momentum that takes one more; -1 if it has none.
RULES = {
    "sgd": (TAPEAD_SGD, 0, 2),
    "rmsprop": (TAPEAD_RMSPROP, 1, 4),
    "adagrad": (TAPEAD_ADAGRAD, 1, -1),
    "adam": (TAPEAD_ADAM, 2, -1),
    "lamb": (TAPEAD_LAMB, 2, -1),
}


cdef struct Piece:
    tapead_parameter parameter
    tapead_update update


cdef struct Pieces:
    Piece* pieces
    const double* numbers


cdef void run_piece(void* context, int64_t k, int worker) noexcept nogil:
    cdef Pieces* all = <Pieces*>context
    all.pieces[k].update(&all.pieces[k].parameter, all.numbers)


def update(str rule, tuple numbers, list xs, list gradients, list states):
    """Change parameters in place, by one step.

    Nothing is changed if anything is wrong with one of them.

    Parameters
    ----------
    rule : str
        One of `RULES`.
    numbers : tuple of float
        What the rule takes: see ``_updates.h.in``.
    xs : list of ndarray
        Parameters, of float32 or float64.
    gradients : list of ndarray or None
        Of their shapes; None leaves the parameter as it is.
    states : list of tuple of ndarray
        Compact arrays of their shapes, orders and dtypes; those behind what the rule needs are let
        be.

    Raises
    ------
    ValueError
        If a gradient has another shape than its parameter, a parameter cannot be written to, or
        there are fewer arrays of state than the rule needs.
    """
    cdef double[MOST_NUMBERS] values
    cdef int number, n_states, momentum, i
    cdef bint whole
    cdef Pieces shared
    cdef int64_t n_pieces = 0, total = 0, size
    cdef ndarray x, compact
    cdef list found = []
    number, n_states, momentum = RULES[rule]
    n_states += momentum >= 0 and numbers[momentum] != 0.0
    whole = number == TAPEAD_LAMB  # a step of it depends on all elements
    for i in range(len(numbers)):
        values[i] = numbers[i]
    for x, gradient, state in zip(xs, gradients, states, strict=True):
        size = cnp.PyArray_SIZE(x)
        if gradient is None or size == 0:
            continue
        if len(state) < n_states:
            raise ValueError(
                f"{rule} with these settings needs {n_states} arrays of state for each parameter; "
                f"this optimizer was made with {len(state)}: make a new one")
        state = state[:n_states]
        compact = compacted(x, state)
        found.append((x, compact, gradient_of(x, compact, gradient, state), state))
        total += size
        n_pieces += 1 if whole else (size + CHUNK - 1) // CHUNK
    shared.numbers = values
    shared.pieces = <Piece*>malloc((n_pieces + 1) * sizeof(Piece))
    if shared.pieces == NULL:
        raise MemoryError
    n_pieces = 0
    try:
        for x, compact, gradient, state in found:
            n_pieces += cut(
                &shared.pieces[n_pieces], tapead_updates[number][is_single(x)], compact, gradient,
                state, cnp.PyArray_SIZE(x) if whole else CHUNK)
        with nogil:
            run_chunks(run_piece, &shared, n_pieces, wanted_threads() if total >= SERIAL else 1)
    finally:
        free(shared.pieces)
    for x, compact, _, _ in found:
        if compact is not x:
            x[...] = compact


cdef inline bint is_single(ndarray x) noexcept:
    return cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT


cdef inline bint is_fortran(ndarray x) noexcept:
    return cnp.PyArray_IS_F_CONTIGUOUS(x) and not cnp.PyArray_IS_C_CONTIGUOUS(x)


cdef bint is_alike(ndarray x, ndarray y) noexcept:
    """Whether `y` lies in memory element by element as the compact `x` does."""
    if cnp.PyArray_TYPE(x) != cnp.PyArray_TYPE(y) or not cnp.PyArray_ISBEHAVED_RO(y):
        return False
    if is_fortran(x):
        return cnp.PyArray_IS_F_CONTIGUOUS(y)
    return cnp.PyArray_IS_C_CONTIGUOUS(y)


cdef ndarray compacted(ndarray x, tuple state):
    """The parameter, or a copy of it that lies in memory in one piece."""
    cdef ndarray compact = x, y
    if not cnp.PyArray_ISWRITEABLE(x):
        raise ValueError("an optimizer changes parameters in place; this array is read-only")
    if not (cnp.PyArray_ISBEHAVED_RO(x) and (cnp.PyArray_IS_C_CONTIGUOUS(x) or is_fortran(x))):
        compact = np.array(x, order="C")
    for y in state:
        if not (is_alike(compact, y) and cnp.PyArray_SAMESHAPE(compact, y)):
            raise ValueError("the state of an optimizer has the shapes and order of its parameters")
    return compact


cdef ndarray gradient_of(ndarray x, ndarray compact, object given, tuple state):
    """The gradient with the type and order of the parameter; a copy where they share memory."""
    cdef ndarray y, gradient
    gradient = given if isinstance(given, ndarray) else np.asarray(given)
    if not cnp.PyArray_SAMESHAPE(x, gradient):
        raise ValueError(
            f"a gradient has the shape of its parameter, {np.shape(x)}; got {np.shape(gradient)}")
    if not is_alike(compact, gradient):
        order = "F" if is_fortran(compact) else "C"
        gradient = gradient.astype(compact.dtype, order=order, casting="same_kind")
    for y in (compact, *state):
        if overlap(y, gradient):
            return gradient.copy(order="K")
    return gradient


cdef bint overlap(ndarray x, ndarray y) noexcept:
    """Whether two compact arrays share memory."""
    cdef const char* first = <const char*>cnp.PyArray_DATA(x)
    cdef const char* second = <const char*>cnp.PyArray_DATA(y)
    return first < second + cnp.PyArray_NBYTES(y) and second < first + cnp.PyArray_NBYTES(x)


cdef int64_t cut(
    Piece* pieces, tapead_update rule, ndarray x, ndarray gradient, tuple state, int64_t chunk
):
    """Pieces of a parameter; how many."""
    cdef int64_t size = cnp.PyArray_SIZE(x), first, n = 0
    cdef int i
    for first in range(0, size, chunk):
        pieces[n].update = rule
        pieces[n].parameter.x = cnp.PyArray_DATA(x)
        pieces[n].parameter.gradient = cnp.PyArray_DATA(gradient)
        for i in range(len(state)):
            pieces[n].parameter.state[i] = cnp.PyArray_DATA(<ndarray>state[i])
        pieces[n].parameter.first, pieces[n].parameter.last = first, min(size, first + chunk)
        n += 1
    return n
