# Dense Jacobians and Hessians of programs of arrays.

cdef object dense_if_finite(
    ArrayProgram program, str kind, object argnums, tuple args, dict kwargs
):
    """A replay; the function's own matrix where that of a replay has numbers that are not finite.

    Seeds of a replay are 0 where those of the function may be absent, and 0 times an infinite
    partial is no number.
    """
    found = program.replay(kind, argnums, args, kwargs)
    if kind != "jacobian" and kind != "hessian":
        return found
    matrix = found[0] if program.has_aux else found
    if all([np.isfinite(block).all() for block in leaves(matrix)]):
        return found
    return getattr(transforms, kind)(program.function, argnums, program.has_aux)(*args, **kwargs)
