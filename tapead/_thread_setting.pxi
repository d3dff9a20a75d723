# How many threads programs use.

cdef int n_chosen = 0  # by set_num_threads; 0 is the default


def set_num_threads(n):
    """Let programs use up to `n` threads: array programs, and `Program.map` unless it is told.

    Parameters
    ----------
    n : int or None
        None is the default again: the environment's ``TAPEAD_NUM_THREADS``, else the processors
        that this process may use. Results do not depend on it.

    Raises
    ------
    ValueError
        If it is not an int from 1 to 1024.

    Examples
    --------
    >>> import tapead
    >>> tapead.set_num_threads(1)
    >>> tapead.get_num_threads()
    1
    >>> tapead.set_num_threads(None)
    """
    global n_chosen
    if n is None:
        n_chosen = 0
    else:
        n_chosen = checked_count(n, "set_num_threads needs")
    count_threads()


def get_num_threads():
    """How many threads programs use at most.

    Returns
    -------
    int
    """
    count_threads()
    return n_wanted


cdef int n_wanted = 1


cdef int wanted_threads() noexcept nogil:
    return n_wanted


cdef int count_threads() except -1:
    global n_wanted
    n_wanted = n_chosen if n_chosen else default_threads()
    return 0


def default_threads():
    """``TAPEAD_NUM_THREADS``, or the processors that this process may use."""
    told = os.environ.get("TAPEAD_NUM_THREADS", "")
    if told:
        return checked_count(int(told) if told.isdecimal() else told, "TAPEAD_NUM_THREADS is")
    available = getattr(os, "sched_getaffinity", None)
    return min(64, len(available(0)) if available else os.cpu_count() or 1)


def checked_count(n, what):
    """`n` as a number of threads."""
    if isinstance(n, bool) or not isinstance(n, int) or not 1 <= n <= 1024:
        raise ValueError(f"{what} an int from 1 to 1024; got {n!r}")
    return n


count_threads()
