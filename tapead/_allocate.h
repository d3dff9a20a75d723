/* Objects of one final type without references, kept for reuse when they die.

   Cython's freelist calls tp_new, PyObject_Init and _Py_NewReference for each object that it hands
   out again; a recording makes one object per operation, and here that is a pop. Needs the GIL. */
#ifndef TAPEAD_ALLOCATE_H
#define TAPEAD_ALLOCATE_H

#define TAPEAD_KEPT 4096

static PyObject *tapead_kept[TAPEAD_KEPT];
static int tapead_n_kept = 0;

static void tapead_deallocate(PyObject *object)
{
    if (tapead_n_kept < TAPEAD_KEPT)
        tapead_kept[tapead_n_kept++] = object;
    else
        PyObject_Free(object);
}

static CYTHON_INLINE PyObject *tapead_allocate(PyTypeObject *type)
{
    PyObject *object;
    if (tapead_n_kept == 0)
        return type->tp_alloc(type, 0);
    object = tapead_kept[--tapead_n_kept];
#ifdef Py_REF_DEBUG
    _Py_NewReference(object);
#else
    Py_SET_REFCNT(object, 1);
#endif
    return object;
}

#endif
