# The interpreter, and one point: a loop over instructions in slots.

cdef enum:
    MOST_FRAMES = 8  # kept for the next run
    NARROW = 0xFFFF


@cython.final
cdef class Interpreter(Executor):
    """Executor that interprets lowered instructions."""

    cdef tapead_narrow* narrow
    cdef tapead_wide* wide  # where 16 bits are not enough
    cdef int32_t* output_slots
    cdef int64_t n_slots
    cdef readonly int64_t n_lowered
    cdef Frame* frames[MOST_FRAMES]
    cdef int n_frames
    cdef dict batches  # by which inputs vary: the code for many points

    def __init__(self, Code code):
        cdef Lowering lowering
        self.code = code
        self.batches = {}
        lowering = lowered_for_point(code)
        self.n_slots = lowering.n_slots
        self.n_lowered = lowering.n
        self.take_instructions(lowering)
        self.take_outputs(lowering)

    def __dealloc__(self):
        cdef int i
        for i in range(self.n_frames):
            free(self.frames[i])
        free(self.narrow)
        free(self.wide)
        free(self.output_slots)

    @property
    def nbytes(self):
        """Bytes of the lowered instructions and of one frame."""
        size = sizeof(tapead_narrow) if self.narrow else sizeof(tapead_wide)
        return self.n_lowered * size + frame_size(self)

    @property
    def slots(self):
        """Slots of one frame: constants, inputs, -0.0, and values that live at the same time."""
        return self.n_slots

    cdef int take_instructions(self, Lowering lowering) except -1:
        cdef int64_t i
        cdef tapead_wide* w
        if max(self.n_slots, self.code.n_guards) > NARROW:
            self.wide = lowering.out
            lowering.out = NULL
            return 0
        self.narrow = <tapead_narrow*>block(lowering.n * sizeof(tapead_narrow))
        for i in range(lowering.n):
            w = &lowering.out[i]
            self.narrow[i] = tapead_narrow(
                <uint16_t>w.op, <uint16_t>w.d, <uint16_t>w.x, <uint16_t>w.y, <uint16_t>w.z)
        return 0

    cdef int take_outputs(self, Lowering lowering) except -1:
        cdef int64_t i
        self.output_slots = <int32_t*>block(self.code.n_outputs * sizeof(int32_t))
        for i in range(self.code.n_outputs):
            self.output_slots[i] = lowering.slot[lowering.place(self.code.outputs[i])]
        return 0

    cdef Frame* borrow(self) except NULL:
        cdef Frame* frame
        if self.n_frames:
            self.n_frames -= 1
            return self.frames[self.n_frames]
        frame = <Frame*>block(frame_size(self))
        frame.slots = <double*>(frame + 1)
        frame.inputs = frame.slots + self.code.n_constants
        frame.outputs = frame.slots + self.n_slots
        if self.code.n_constants:
            memcpy(frame.slots, self.code.constants, self.code.n_constants * sizeof(double))
        frame.inputs[self.code.n_inputs] = -0.0
        return frame

    cdef void give_back(self, Frame* frame) noexcept:
        if self.n_frames < MOST_FRAMES:
            self.frames[self.n_frames] = frame
            self.n_frames += 1
        else:
            free(frame)

    cdef int64_t point(self, Frame* frame, int* kinks) noexcept nogil:
        cdef int64_t i, failed
        if self.narrow != NULL:
            failed = tapead_replay_narrow(self.narrow, frame.slots, kinks)
        else:
            failed = tapead_replay_wide(self.wide, frame.slots, kinks)
        if failed < 0:
            for i in range(self.code.n_outputs):
                frame.outputs[i] = frame.slots[self.output_slots[i]]
        return failed

    cdef tuple guard_values(self, Frame* frame, int64_t guard):
        cdef int64_t i
        cdef tapead_narrow n
        cdef tapead_wide w
        for i in range(self.n_lowered):
            if self.narrow != NULL:
                n = self.narrow[i]
                w = tapead_wide(n.op, n.d, n.x, n.y, n.z)
            else:
                w = self.wide[i]
            if FIRST_GUARD <= <int>w.op < LOAD and w.d == guard:
                return frame.slots[w.x], frame.slots[w.y]
        raise IndexError(f"there is no guard {guard}")

    cdef int64_t batch(self, Batch batch) except? -2:
        key = bytes(batch.varies)
        lanes = self.batches.get(key)
        if lanes is None:
            lanes = self.batches[key] = Lanes(self.code, batch.varies)
        return (<Lanes>lanes).run(batch)


cdef int64_t frame_size(Interpreter self) noexcept:
    return sizeof(Frame) + (self.n_slots + self.code.n_outputs) * sizeof(double)


cdef Lowering lowered_for_point(Code code):
    """Constants and inputs have slots of their own, and outputs keep theirs."""
    cdef Lowering self = Lowering(code)
    cdef int64_t i
    for i in range(code.n_constants):
        self.slot[self.n_values + i] = <int32_t>i
    for i in range(code.n_inputs):
        self.slot[i] = <int32_t>(code.n_constants + i)
    self.minus_zero = <int32_t>(code.n_constants + code.n_inputs)
    self.n_slots = self.minus_zero + 1
    self.fuse()
    self.find_last_uses(True)
    self.lower()
    self.emit(HALT, 0, 0, 0, 0)
    return self
