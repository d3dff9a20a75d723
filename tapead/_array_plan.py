"""Steps of a program of arrays: what runs together, in which order, and in which memory.

Values that rows of the table compute element by element in one shape, with nothing else in
between, are one cluster: a scalar program that runs over the elements in blocks. All other values
are steps of their own, windows are none. Memory is planned once: each storage has its place in one
arena for as long as something needs it; results are written where the caller gets them.
"""

import numpy as np

from tapead._array_again import computed_again
from tapead._array_code import needed
from tapead._array_cuts import cut_sums
from tapead._array_layouts import c_strides, is_mark, is_of_a_kind, is_single, uniform
from tapead._array_storage import FOREVER, Storage, allocate
from tapead._code_data import NO_OPERAND


class Group:
    """A cluster: values of one shape that depend on each other only; in floats if `single`."""

    def __init__(self, shape, single):
        self.shape, self.single = shape, single
        self.values, self.outputs, self.sums = [], [], []

    def sources(self):
        """What it reads."""
        found = {}
        for value in self.values:
            for arg in value.args:
                if arg.group is not self or arg.op != "element":
                    found[id(arg)] = arg
        return list(found.values())


def find_depths(values):
    """How many steps lie in front of each value at least, its own cluster aside."""
    for value in values:
        depth = -1
        for arg in value.args:
            depth = max(depth, arg.depth + (not joins(value, arg)))
        if value.op not in ("window", "part", "leaf", "constant"):
            depth = max(depth, 0)
        value.depth = depth


def joins(value, arg):
    """Whether `value` can be computed together with `arg`, or is a part of it."""
    if value.op in ("window", "part"):
        return True
    if arg.op != "element":
        return False
    if value.op == "sum":
        return value.data is None
    return value.op == "element" and arg.shape == value.shape and is_of_a_kind(value, arg)


class Plan:
    """What the executor needs to know.

    Attributes
    ----------
    steps : list of tuple
        Kind and details, see `_array_executor`. A place is (buffer, offset in bytes, strides).
    arena_size : int
        Bytes of the arena.
    constants : list of ndarray
    numbers : list of int
        Offset in the arena of each input that is a number; -1 of an array.
    results : list of tuple
        Per result: place, shape, dtype, whether the buffer is its own.
    """

    def __init__(self, graph):
        self.graph = graph
        cut_sums(graph)
        self.values = needed(graph)
        self.constants, self.constant_storage = [], {}
        self.storages = []
        find_depths(self.values)
        self.graph.values = computed_again(graph, self.values)
        self.values = needed(graph)
        self.items = self.ordered()
        self.find_last_uses()
        self.find_owners()
        self.place_values()
        self.bind_results()
        self.arena_size = allocate(self.storages)
        self.steps = self.made_steps()

    # -- order -------------------------------------------------------------------------------

    def ordered(self):
        """Clusters and single values in the order in which they run."""
        groups, keyed = {}, []
        for value in self.values:
            if value.op == "element" or (value.op == "sum" and value.data is None):
                computed = value if value.op == "element" else value.args[0]
                key = (computed.shape, is_single(computed))
                group = groups.get((*key, value.depth))
                if group is None:
                    group = groups[(*key, value.depth)] = Group(*key)
                    keyed.append(((value.depth, 1), group))
                value.group = group
                (group.values if value.op == "element" else group.sums).append(value)
            elif value.op not in ("leaf", "constant", "window", "part"):
                rank = {"look": 0, "guard": 0, "assign": 3}.get(value.op, 2)
                keyed.append(((value.depth, rank), value))
        keyed.sort(key=lambda item: item[0])
        return [item for _, item in keyed]

    def find_last_uses(self):
        """By value: the last item that reads it. Clusters get their outputs."""
        self.last_use = last = dict.fromkeys(map(id, self.values), -1)
        outside = {id(value) for value in self.graph.outputs}
        for value in self.values:
            if value.op != "sum" or value.data is not None:
                outside.update(
                    id(arg)
                    for arg in value.args
                    if {value.op, arg.op} != {"element"} or arg.group is not value.group
                )
        for i, item in enumerate(self.items):
            for source in item.sources() if isinstance(item, Group) else item.args:
                last[id(source)] = i
            if isinstance(item, Group):
                item.outputs = [value for value in item.values if id(value) in outside]
        for value in self.graph.outputs:
            last[id(value)] = FOREVER

    def find_owners(self):
        """Let what clusters compute for a row of pieces be written there."""
        outputs = {id(value) for value in self.graph.outputs}
        for row in self.values:
            if row.op == "pieces":
                for (first, _), value in zip(row.data, row.args, strict=True):
                    if value.op == "element" and value.owner is None and id(value) not in outputs:
                        value.owner = row
                        value.place = first * row.dtype.itemsize

    # -- memory ------------------------------------------------------------------------------

    def place_values(self):
        """A storage for every value."""
        self.windows = {}
        for value in self.values:
            if value.op == "window":
                self.windows.setdefault(id(value.args[0]), []).append(value)
        self.numbers = []
        for leaf in self.graph.leaves:
            self.place_leaf(leaf)
        for value in self.values:
            if value.op == "constant":
                self.place_constant(value)
        for i, item in enumerate(self.items):
            self.copied = False
            if isinstance(item, Group):
                for value in (*item.outputs, *item.sums):
                    self.own_storage(value, i)
            elif item.op == "assign":
                self.place_assign(item, i)
            elif item.op == "primitive":
                parts = [v for v in self.values if v.op == "part" and v.args[0] is item]
                for value in parts or [item]:
                    self.own_storage(value, i)
            elif item.op not in ("look", "guard"):
                self.own_storage(item, i)

    def place_leaf(self, leaf):
        if leaf.shape == () and leaf.op == "leaf" and leaf.dtype.itemsize == 8:
            storage = Storage(8, 0)
            storage.last = FOREVER
            self.storages.append(storage)
            self.numbers.append(storage)
        else:
            storage = Storage(leaf.nbytes, 0, "leaf", leaf.data)
            self.numbers.append(None)
        self.register(leaf, storage)

    def place_constant(self, value):
        array, number = value.data
        if number is None or value.op != "constant":
            self.register(value, Storage(value.nbytes, 0, "constant", len(self.constants)))
            self.constants.append(array)
        else:
            self.register(value, Storage(value.nbytes, 0, "constant", len(self.constants)))
            self.constants.append(np.array([number], value.dtype))
            value.strides = (0,) * len(value.shape)

    def own_storage(self, value, i):
        row = value.owner
        if row is not None:  # written where it stands in a row of pieces
            if row.storage is None:
                row.storage = Storage(row.nbytes, i)
                self.storages.append(row.storage)
            self.register(value, row.storage)
            return
        if value.storage is not None:
            self.register(value, value.storage)
            return
        storage = Storage(value.nbytes, i)
        self.storages.append(storage)
        self.register(value, storage)

    def register(self, value, storage):
        value.storage = storage
        storage.values.append(value)
        storage.last = max(storage.last, self.last_use.get(id(value), -1))
        for window in self.windows.get(id(value), ()):
            window.storage, window.place = storage, value.place + window.data
            storage.values.append(window)
            storage.last = max(storage.last, self.last_use[id(window)])

    def place_assign(self, value, i):
        """In place if nothing reads the version before any more."""
        base, source = value.args
        storage = base.storage
        if (
            storage.kind == "arena"
            and base.op != "window"
            and source.storage is not storage
            and base.nbytes == storage.nbytes
            and all(self.last_use[id(other)] <= i for other in storage.values)
        ):
            value.group = "in place"
            self.register(value, storage)
        else:
            self.own_storage(value, i)

    def bind_results(self):
        """Results that are written where the caller gets them, or copied there in the end."""
        self.results, taken = [], set()
        for k, value in enumerate(self.graph.outputs):
            storage = value.storage
            own = (
                value.shape != ()
                and storage.kind == "arena"
                and value.op != "window"
                and storage.nbytes == value.nbytes
                and id(storage) not in taken
            )
            if own:
                taken.add(id(storage))
                storage.kind, storage.index = "result", k
            self.results.append((value, own))

    def buffer(self, storage):
        """Number of the buffer that holds a storage."""
        n_leaves, n_constants = len(self.graph.leaves), len(self.constants)
        start = {"arena": 0, "leaf": 1, "constant": 1 + n_leaves,
                 "result": 1 + n_leaves + n_constants}[storage.kind]  # fmt: skip
        return start + storage.index

    def where(self, value):
        """Buffer, offset, shape, strides and dtype of a value."""
        storage = value.storage
        return (self.buffer(storage), storage.offset + value.place, value.shape, value.strides,
                value.dtype)  # fmt: skip

    # -- steps -------------------------------------------------------------------------------

    def made_steps(self):
        """The steps in order."""
        steps = []
        for item in self.items:
            if isinstance(item, Group):
                steps.append(self.cluster_step(item))
            else:
                steps.extend(getattr(self, f"{item.op}_steps")(item))
        n = 1 + len(self.graph.leaves) + len(self.constants)
        for k, (value, own) in enumerate(self.results):
            if not own and value.shape != ():
                target = (n + k, 0, value.shape, c_strides(value.shape, value.dtype), value.dtype)
                steps.append(("copy", self.where(value), target))
        return steps

    def cluster_step(self, group):
        """Code over the elements."""
        inputs, code = group_code(group)
        sums = {id(value.args[0]): [] for value in group.sums}
        for value in group.sums:
            sums[id(value.args[0])].append(value)
        columns = [self.where(value) for value in inputs]
        targets = [self.where(value) for value in group.outputs]
        places = [self.where(value) for value in group.sums]
        return ("cluster", code, group.shape, columns, targets, places, group.single)

    def assign_steps(self, value):
        base, source = value.args
        steps = []
        if value.group != "in place":
            steps.append(("copy", self.where(base), self.where(value)))
        index, form = value.data
        buffer, offset, *_ = self.where(value)
        window = (buffer, offset + form[4], form[2], form[3], value.dtype)
        if index is not None or form[5] or source.dtype != value.dtype:
            steps.append(("put", window, index, self.where(source)))
        else:
            steps.append(("copy", self.where(source), window))
        return steps

    def pieces_steps(self, row):
        buffer, offset, _, strides, dtype = self.where(row)
        return [
            ("copy", self.where(value), (
                buffer, offset + first * dtype.itemsize, value.shape, strides, dtype))
            for (first, _), value in zip(row.data, row.args, strict=True)
            if value.owner is not row or value.place != first * dtype.itemsize]  # fmt: skip

    def stack_steps(self, value):
        buffer, offset, *_, dtype = self.where(value)
        flat = [(buffer, offset + i * dtype.itemsize, (), (), dtype)
                for i in range(len(value.args))]  # fmt: skip
        return [
            ("copy", self.where(arg), place) if arg.dtype == dtype
            else ("put", place, None, self.where(arg))
            for arg, place in zip(value.args, flat, strict=True)]  # fmt: skip

    def sum_steps(self, value):
        (x,) = value.args
        return [(value.op, self.where(x), value.data, self.where(value))]

    max_steps = min_steps = sum_steps

    def matmul_steps(self, value):
        return [("matmul", *map(self.where, value.args), self.where(value))]

    def images_steps(self, value):
        return [("images", *value.data, list(map(self.where, value.args)), self.where(value))]

    def primitive_steps(self, value):
        row, params = value.data
        parts = {v.data: self.where(v) for v in self.values
                 if v.op == "part" and v.args[0] is value}  # fmt: skip
        if value.storage is None and not parts:
            return []
        results = parts or self.where(value)
        return [("python", row, [self.where(arg) for arg in value.args], params, results)]

    def look_steps(self, value):
        single = any(v.dtype.itemsize == 4 for v in self.values)
        return [("look", self.where(value.args[0]), value.data, single)]

    def guard_steps(self, value):
        return [("guard", *map(self.where, value.args), *value.data)]


def group_code(group):
    """The values that a cluster reads, and its code: operations, constants, outputs."""
    inputs, places, constants = [], {}, {}
    for value in group.sources():
        number = uniform(value)
        if number is not None and not is_mark(number, value.dtype):
            bits = np.float64(number).tobytes()
            places[id(value)] = -1 - constants.setdefault(bits, len(constants))
        else:
            places[id(value)] = len(inputs)
            inputs.append(value)
    op, x, y = [], [], []
    for value in group.values:
        op.append(value.data)
        x.append(places[id(value.args[0])])
        y.append(places[id(value.args[1])] if len(value.args) == 2 else NO_OPERAND)
        places[id(value)] = len(inputs) + len(op) - 1
    outputs = [places[id(value)] for value in group.outputs]
    outputs += [places[id(value.args[0])] for value in group.sums]
    numbers = np.frombuffer(b"".join(constants), np.float64) if constants else np.zeros(0)
    return inputs, (len(inputs), op, x, y, numbers, outputs)
