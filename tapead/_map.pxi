# Program.map: many points, some arguments the same at all of them.

REDUCTIONS = (None, "sum", "mean")
KINDS = ("value", "grad", "value_and_grad", "hessian_diagonal")


@cython.final
cdef class Points:
    """The arguments of a map: per leaf an array of all points, or one value for all of them."""

    cdef Signature arguments
    cdef list mapped  # by argument
    cdef list leaves  # float64 arrays: (n, *shape) where mapped, else (size,)
    cdef list sizes  # numbers in a leaf at one point
    cdef list along  # by leaf: whether it is mapped
    cdef tuple args
    cdef Py_ssize_t n

    cdef int at(self, int64_t[::1] wanted, Batch batch) except -1:
        """Let a batch read the points `wanted`, or all of them if that is None."""
        cdef Py_ssize_t k, i = 0
        cdef const double[:, ::1] values
        batch.keep = []
        for k in range(len(self.leaves)):
            array = self.leaves[k]
            if self.along[k] and wanted is not None:
                array = array[np.asarray(wanted)]
            values = array.reshape((array.shape[0] if self.along[k] else 1, self.sizes[k]))
            batch.keep.append(values)
            for j in range(self.sizes[k]):
                batch.inputs[i] = Column(&values[0, j], self.sizes[k] if self.along[k] else 0, NULL)
                batch.varies[i] = self.along[k]
                i += 1
        return 0

    cdef tuple point(self, Py_ssize_t k):
        """The arguments at one point."""
        return tuple([
            map_leaves(lambda leaf: item_of(leaf, k), arg) if mapped else arg
            for arg, mapped in zip(self.args, self.mapped)])


cdef object item_of(object leaf, Py_ssize_t k):
    if not isinstance(leaf, np.ndarray) or leaf.ndim == 0:
        return leaf
    return leaf[k] if leaf.ndim > 1 else float(leaf[k])


cdef Points points_of(Signature arguments, tuple args, object in_axes):
    cdef Points self = Points()
    cdef tuple children = arguments.children
    self.arguments, self.args = arguments, args
    if len(args) != len(children):
        arguments.explain(args, "argument")
    self.mapped = checked_axes(in_axes, len(args))
    self.leaves, self.sizes, self.along = [], [], []
    self.n = -1
    for i, arg in enumerate(args):
        for leaf, value in zip(children[i].leaves(), children[i].flatten(arg, f"argument {i + 1}")):
            add_leaf(self, leaf, value, self.mapped[i], f"argument {i + 1}")
    if self.n < 0:
        raise ValueError("map needs an argument with a leading axis; got none")
    if self.n and arguments.read_numbers(self.point(0)) is None:
        arguments.explain(self.point(0), "argument")
    return self


cdef int add_leaf(Points self, object leaf, object value, bint mapped, str what) except -1:
    """Keep a leaf of the arguments as float64; its shape must be right."""
    array = np.asarray(value)
    if array.dtype.kind != "f" and (mapped or array.ndim):
        raise TypeError(f"map takes arrays of floats; got {array.dtype} in {what}, convert it with "
                        "x.astype(float)")
    if mapped and array.shape[1:] != leaf.shape or mapped and array.ndim == 0 or (
            not mapped and array.shape != leaf.shape):
        wanted = f"({', '.join(['n' * mapped] * mapped + [str(k) for k in leaf.shape])})"
        raise ValueError(f"expected an array of shape {wanted} in {what}; got {array.shape}")
    if mapped:
        if self.n not in (-1, array.shape[0]):
            raise ValueError(f"expected {self.n} points in {what}; got {array.shape[0]}")
        self.n = array.shape[0]
    self.leaves.append(np.ascontiguousarray(array, dtype=np.float64))
    self.sizes.append(int(np.prod(leaf.shape, dtype=np.int64)))
    self.along.append(mapped)
    return 0


cdef list checked_axes(object in_axes, Py_ssize_t n):
    axes = in_axes if isinstance(in_axes, (tuple, list)) else (in_axes,) * n
    if len(axes) != n or not all(axis is None or axis is 0 for axis in axes):  # noqa: F632
        raise ValueError(f"in_axes is 0 or None, or {n} of them in a tuple; got {in_axes!r}")
    return [axis is not None for axis in axes]


cdef int checked_threads(object threads) except -1:
    """Number of threads, by default that of `get_num_threads`."""
    if threads is None:
        return get_num_threads()
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= 1024:
        raise ValueError(f"threads is an int from 1 to 1024; got {threads!r}")
    return threads


@cython.final
cdef class Mapping:
    """A map in progress."""

    cdef Points points
    cdef Signature result
    cdef bint summed
    cdef int n_threads
    cdef list outputs  # an array per leaf of the result
    cdef object sums
    cdef object left  # points that no path has fitted yet; None is all
    cdef int kinks

    cdef int run(self, Kernel kernel) except -1:
        """The points that are left, along one path."""
        cdef Batch batch = Batch()
        cdef Py_ssize_t n = self.points.n if self.left is None else len(self.left)
        cdef Code code = kernel.executor.code
        if kernel.result != self.result:
            raise ValueError(
                f"map needs results of one structure; got {kernel.result!r} beside {self.result!r}")
        batch.prepare(n, code.n_inputs, code.n_outputs, code.n_guards)
        batch.n_threads = self.n_threads
        if n:
            self.points.at(self.left, batch)
        outputs = self.targets(batch, n)
        failed = n and kernel.executor.batch(batch)
        self.kinks |= batch.kinks
        gone = np.flatnonzero(np.asarray(batch.failed) >= 0) if failed else []
        self.take(outputs, np.asarray(batch.sums), gone)
        if self.left is None:
            self.left = np.asarray(gone, dtype=np.int64)
        else:
            self.left = self.left[gone]
        return 0

    cdef list targets(self, Batch batch, Py_ssize_t n):
        """Arrays for a batch to write to; none if it sums."""
        cdef double[:, ::1] values
        cdef list outputs = []
        cdef Py_ssize_t i = 0, j
        if self.summed:
            batch.drop_outputs()
            return outputs
        for leaf in self.result.leaves():
            size = int(np.prod(leaf.shape, dtype=np.int64))
            array = np.empty((n, size))
            outputs.append(array)
            values = array
            for j in range(size if n else 0):
                batch.outputs[i] = Target(&values[0, j], size, NULL, 0)
                i += 1
        return outputs

    cdef int take(self, list outputs, object sums, object gone) except -1:
        """Put a batch's results where they belong."""
        if self.summed:
            self.sums = sums if self.sums is None else self.sums + sums
        elif self.left is None:
            self.outputs = outputs
        else:
            kept = np.ones(len(self.left), dtype=bool)
            kept[gone] = False
            for whole, part in zip(self.outputs, outputs):
                whole[self.left[kept]] = part[kept]
        return 0

    cdef int put_first(self, object found) except -1:
        """Take the result of the first point that is left."""
        cdef Py_ssize_t start = 0
        numbers = np.array(self.result.read_numbers(found))
        if self.summed:
            self.sums = self.sums + numbers
        for array in [] if self.summed else self.outputs:
            array[self.left[0]] = numbers[start : start + array.shape[1]]
            start += array.shape[1]
        self.left = self.left[1:]
        return 0

    cdef object built(self, str reduction):
        """The result in the structure of the program's."""
        if self.summed:
            n = self.points.n if reduction == "mean" else 1
            with np.errstate(invalid="ignore", divide="ignore"):
                return self.result.build_from(self.sums / np.float64(n))
        return self.result.unflatten([
            array.reshape((-1, *leaf.shape)).astype(leaf.dtype or np.float64, copy=False)
            if array.size or not self.points.n else array.reshape((self.points.n, *leaf.shape))
            for leaf, array in zip(self.result.leaves(), self.outputs)])
