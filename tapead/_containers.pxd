"""Containers of numbers, for those who cimport them."""

ctypedef object (*Leaf)(object context, object leaf)

cdef object walk(object context, object tree, Leaf leaf)
