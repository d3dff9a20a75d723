/* Memory for arrays, kept for reuse when they die: freshly mapped pages cost more than the
   arithmetic on them.

   A buffer stands behind a header of 64 bytes that knows its size class, four classes to a
   doubling, and starts on a multiple of 64. NumPy gives it back through the handler of NEP 49,
   which an array holds; nothing depends on the size that NumPy tells. Idle buffers are bounded;
   beyond it those of the sizes that were not asked for the longest are given up. */
#ifndef TAPEAD_POOL_H
#define TAPEAD_POOL_H

#include <Python.h>
#include <numpy/arrayobject.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

#define TAPEAD_LINE 64
#define TAPEAD_POOL_CLASSES 256
#define TAPEAD_POOL_IDLE ((size_t)1 << 28) /* bytes that may be idle at least */
#define TAPEAD_POOL_HUGE ((size_t)1 << 22) /* from here on large pages pay, as NumPy has it */
#define TAPEAD_TRACE_DOMAIN 389047         /* tracemalloc's, that of NumPy's arrays */

typedef struct tapead_buffer {
    struct tapead_buffer *next; /* idle ones of the class */
    void *block;                /* what malloc gave */
    size_t size;                /* of the buffer */
    int number;                 /* of the class */
} tapead_buffer;

typedef struct {
    tapead_buffer *first;
    uint64_t asked; /* when a buffer was last asked for */
} tapead_class;

typedef struct {
    tapead_class classes[TAPEAD_POOL_CLASSES];
    uint64_t clock;
    size_t idle, in_use, peak, limit;
    uint64_t reused, made;
} tapead_buffers;

static tapead_buffers tapead_memory = {.limit = TAPEAD_POOL_IDLE};

/* With a GIL, NumPy frees arrays under it. */
#ifdef Py_GIL_DISABLED
static PyMutex tapead_memory_lock;
#define TAPEAD_LOCK() PyMutex_Lock(&tapead_memory_lock)
#define TAPEAD_UNLOCK() PyMutex_Unlock(&tapead_memory_lock)
#else
#define TAPEAD_LOCK() ((void)0)
#define TAPEAD_UNLOCK() ((void)0)
#endif

static inline void *tapead_buffer_data(tapead_buffer *buffer)
{
    return (char *)buffer + TAPEAD_LINE;
}

static inline tapead_buffer *tapead_buffer_of(void *data)
{
    return (tapead_buffer *)((char *)data - TAPEAD_LINE);
}

/* floor(log2(x)), x > 0 */
static inline int tapead_log2(size_t x)
{
#if defined(__GNUC__)
    return 63 - __builtin_clzll((unsigned long long)x);
#else
    int n = 0;
    while (x >>= 1) n++;
    return n;
#endif
}

/* Class of a size and the largest size of the class: 64, 80, 96, 112, 128, 160, ... */
static inline int tapead_class_of(size_t size, size_t *largest)
{
    int log, shift;
    size = size < TAPEAD_LINE ? TAPEAD_LINE : size;
    log = tapead_log2(size - 1);
    shift = log - 2;
    *largest = (((size - 1) >> shift) + 1) << shift;
    return 4 * (log - 5) + (int)(((size - 1) >> shift) & 3);
}

static void tapead_give_up(tapead_buffer *buffer)
{
    tapead_memory.idle -= buffer->size;
    free(buffer->block);
}

/* Gives up idle buffers, least recently wanted sizes first, until `room` more bytes may idle. */
static void tapead_trim(size_t limit, size_t room)
{
    while (tapead_memory.idle && tapead_memory.idle + room > limit) {
        tapead_class *oldest = NULL, *at = tapead_memory.classes;
        for (; at < tapead_memory.classes + TAPEAD_POOL_CLASSES; at++)
            if (at->first && (!oldest || at->asked < oldest->asked)) oldest = at;
        while (oldest->first && tapead_memory.idle + room > limit) {
            tapead_buffer *buffer = oldest->first;
            oldest->first = buffer->next;
            tapead_give_up(buffer);
        }
    }
}

static size_t tapead_idle_limit(void)
{
    size_t quarter = tapead_memory.peak / 4;
    return quarter > tapead_memory.limit ? quarter : tapead_memory.limit;
}

static tapead_buffer *tapead_new_buffer(int number, size_t size)
{
    tapead_buffer *buffer;
    uintptr_t start;
    void *block = size > SIZE_MAX - 2 * TAPEAD_LINE ? NULL : malloc(size + 2 * TAPEAD_LINE);
    if (!block) return NULL;
    start = ((uintptr_t)block + TAPEAD_LINE - 1) & ~(uintptr_t)(TAPEAD_LINE - 1);
    buffer = (tapead_buffer *)start;
    buffer->block = block;
    buffer->size = size;
    buffer->number = number;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    if (size >= TAPEAD_POOL_HUGE) {
        uintptr_t page = (start + 4095) & ~(uintptr_t)4095;
        madvise((void *)page, size - (page - start), MADV_HUGEPAGE);
    }
#endif
    return buffer;
}

/* The slow half: a new buffer, after idle ones of other sizes were given up if memory is short. */
static tapead_buffer *tapead_make_buffer(int number, size_t size)
{
    tapead_buffer *buffer = tapead_new_buffer(number, size);
    if (!buffer) {
        tapead_trim(0, 0);
        buffer = tapead_new_buffer(number, size);
    }
    tapead_memory.made += buffer != NULL;
    return buffer;
}

static void *tapead_pool_malloc(void *context, size_t size)
{
    size_t largest;
    tapead_buffer *buffer;
    tapead_class *of;
    int number;
    (void)context;
    if (size > (size_t)PTRDIFF_MAX) return NULL;
    number = tapead_class_of(size, &largest);
    TAPEAD_LOCK();
    of = &tapead_memory.classes[number];
    of->asked = ++tapead_memory.clock;
    buffer = of->first;
    if (buffer) {
        of->first = buffer->next;
        tapead_memory.idle -= largest;
        tapead_memory.reused++;
    } else {
        buffer = tapead_make_buffer(number, largest);
    }
    if (buffer) {
        tapead_memory.in_use += largest;
        if (tapead_memory.in_use > tapead_memory.peak) tapead_memory.peak = tapead_memory.in_use;
    }
    TAPEAD_UNLOCK();
    return buffer ? tapead_buffer_data(buffer) : NULL;
}

static void tapead_pool_free(void *context, void *data, size_t size)
{
    tapead_buffer *buffer = tapead_buffer_of(data);
    tapead_class *of;
    size_t limit;
    (void)context;
    (void)size;
    if (!data) return;
    TAPEAD_LOCK();
    of = &tapead_memory.classes[buffer->number];
    limit = tapead_idle_limit();
    tapead_memory.in_use -= buffer->size;
    if (tapead_memory.idle + buffer->size > limit) {
        of->asked = tapead_memory.clock;
        tapead_trim(limit, buffer->size);
    }
    buffer->next = of->first;
    of->first = buffer;
    tapead_memory.idle += buffer->size;
    if (buffer->size > limit) tapead_trim(limit, 0);
    TAPEAD_UNLOCK();
}

static void *tapead_pool_calloc(void *context, size_t n, size_t size)
{
    void *data;
    if (size && n > (size_t)PTRDIFF_MAX / size) return NULL;
    data = tapead_pool_malloc(context, n * size);
    return data ? memset(data, 0, n * size) : NULL;
}

static void *tapead_pool_realloc(void *context, void *data, size_t size)
{
    void *moved;
    size_t held;
    if (!data) return tapead_pool_malloc(context, size);
    held = tapead_buffer_of(data)->size;
    if (size <= held && size > held / 2) return data;
    moved = tapead_pool_malloc(context, size);
    if (!moved) return NULL;
    memcpy(moved, data, held < size ? held : size);
    tapead_pool_free(context, data, held);
    return moved;
}

static PyDataMem_Handler tapead_handler = {
    "tapead", 1,
    {NULL, tapead_pool_malloc, tapead_pool_calloc, tapead_pool_realloc, tapead_pool_free}};

static PyObject *tapead_handler_capsule; /* made when the module is imported */

static int tapead_make_handler(void)
{
    tapead_handler_capsule = PyCapsule_New(&tapead_handler, "mem_handler", NULL);
    return tapead_handler_capsule ? 0 : -1;
}

/* An array of float32 or float64 over memory of the pool, which NumPy gives back when the array
   dies. `strides` and `flags` as in PyArray_NewFromDescr. Elements are not initialised. */
static PyObject *tapead_array(
    int ndim, const npy_intp *shape, const npy_intp *strides, int typenum, int flags)
{
    PyArray_Descr *descr = PyArray_DescrFromType(typenum);
    PyArrayObject *array;
    size_t size;
    void *data;
    int d;
    if (!descr) return NULL;
    size = typenum == NPY_FLOAT ? sizeof(float) : sizeof(double);
    for (d = 0; d < ndim; d++) {
        if (shape[d] > 0 && size > (size_t)PTRDIFF_MAX / (size_t)shape[d]) {
            Py_DECREF(descr);
            PyErr_SetString(PyExc_ValueError, "array is too big to have an address");
            return NULL;
        }
        size *= (size_t)shape[d];
    }
    data = tapead_pool_malloc(NULL, size);
    if (!data) {
        Py_DECREF(descr);
        return PyErr_NoMemory();
    }
    array = (PyArrayObject *)PyArray_NewFromDescr(
        &PyArray_Type, descr, ndim, shape, strides, data, flags | NPY_ARRAY_WRITEABLE, NULL);
    if (!array) {
        tapead_pool_free(NULL, data, size);
        return NULL;
    }
    PyTraceMalloc_Track(TAPEAD_TRACE_DOMAIN, (uintptr_t)data, size);
    Py_INCREF(tapead_handler_capsule);
    ((PyArrayObject_fields *)array)->mem_handler = tapead_handler_capsule;
    PyArray_ENABLEFLAGS(array, NPY_ARRAY_OWNDATA);
    return (PyObject *)array;
}

#endif
