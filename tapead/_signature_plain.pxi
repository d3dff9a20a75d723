# Signatures as nested lists, dicts and strings, for a file; and from such, which may be hostile.

cdef enum:
    DEEPEST = 100
    MOST_NUMBERS = 0x7FFFFFFF  # ids of nodes are 32 bits wide

cdef dict DTYPES = {"e": "float16", "f": "float32", "d": "float64", "O": "object"}
cdef dict FORMAT_OF = {name: format for format, name in DTYPES.items()}
cdef tuple PLAIN = (type(None), bool, int, float, str)


cdef object plain_of(Part part, int depth):
    if depth > DEEPEST:
        raise ValueError(f"a file holds containers up to {DEEPEST} deep")
    if isinstance(part, Number):
        return "float"
    if isinstance(part, Numbers):
        return {(<Numbers>part).kind.__name__: part.n}
    if isinstance(part, Array):
        return {"array": list((<Array>part).shape), "dtype": DTYPES[(<Array>part).format]}
    if isinstance(part, Static):
        return plain_static((<Static>part).value)
    return plain_group(<Group?>part, depth)


cdef object plain_static(object value):
    if type(value) not in PLAIN:
        raise TypeError(f"a file holds None, bool, int, float and str; got {describe(value)}")
    return {"static": value}


cdef object plain_group(Group group, int depth):
    children = [plain_of(part, depth + 1) for part in group.parts]
    if group.kind is list or group.kind is tuple:
        return {group.kind.__name__: children}
    if type(group) is not Mapping:
        raise TypeError(f"a file holds lists, tuples and dicts; got {group.text()}")
    for key in (<Mapping>group).keys:
        if type(key) is not str:
            raise TypeError(f"a file holds dicts whose keys are str; got the key {key!r}")
    return {"dict": [list(pair) for pair in zip((<Mapping>group).keys, children)]}


cdef Part part_from_plain(object plain, int depth):
    if depth > DEEPEST:
        malformed(f"containers more than {DEEPEST} deep")
    if type(plain) is str and plain == "float":
        return NUMBER
    if type(plain) is not dict or not plain:
        malformed(reprlib.repr(plain))
    kind = next(iter(plain))
    if len(plain) != (2 if kind == "array" else 1):
        malformed(reprlib.repr(plain))
    if kind == "array":
        return array_from_plain(plain["array"], plain.get("dtype"))
    if kind == "list" or kind == "tuple":
        return sequence_from_plain(list if kind == "list" else tuple, plain[kind], depth)
    if kind == "dict":
        return mapping_from_plain(plain["dict"], depth)
    if kind != "static" or type(plain["static"]) not in PLAIN:
        malformed(reprlib.repr(plain))
    return Static(plain["static"])


cdef Part array_from_plain(object shape, object dtype):
    if type(shape) is not list or len(shape) > 32 or type(dtype) is not str:  # NumPy 1's limit
        malformed(f"an array of shape {reprlib.repr(shape)}")
    if dtype not in FORMAT_OF:
        malformed(f"an array of {reprlib.repr(dtype)}")
    size = 1
    for length in shape:
        if not is_count(length):
            malformed(f"an array of shape {reprlib.repr(shape)}")
        size *= length or 1
        if size > MOST_NUMBERS:
            malformed(f"an array of shape {reprlib.repr(shape)}")
    return Array(tuple(shape), FORMAT_OF[dtype])


cdef Part sequence_from_plain(object kind, object children, int depth):
    if is_count(children):
        return Numbers(kind, children)
    if type(children) is not list:
        malformed(f"a sequence of {reprlib.repr(children)}")
    return sequence_of(kind, few(tuple([part_from_plain(x, depth + 1) for x in children])))


cdef Part mapping_from_plain(object pairs, int depth):
    if type(pairs) is not list:
        malformed(f"a dict of {reprlib.repr(pairs)}")
    parts = {}
    for pair in pairs:
        if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
            malformed(f"a dict with {reprlib.repr(pair)}")
        if pair[0] in parts:
            malformed(f"a dict with the key {pair[0]!r} twice")
        parts[pair[0]] = part_from_plain(pair[1], depth + 1)
    return Mapping(tuple(parts), few(tuple(parts.values())))


cdef tuple few(tuple parts):
    """The same, if their numbers can be counted."""
    total = sum([(<Part>part).n for part in parts])
    return parts if total <= MOST_NUMBERS else malformed(f"{total} numbers")


cdef bint is_count(object x):
    return type(x) is int and 0 <= x <= MOST_NUMBERS


cdef object malformed(str what):
    raise ValueError(f"this is not the description of a signature: {what}")
