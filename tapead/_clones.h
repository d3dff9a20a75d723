/* How loops over many numbers become vector instructions.

   They are compiled for several instruction sets, of which the loader takes the best that the
   processor has; none contracts products and sums, so all give the same bits. */

#ifndef TAPEAD_CLONES_H
#define TAPEAD_CLONES_H

#include <stdint.h> /* says which libc there is */

/* The loader chooses before ThreadSanitizer has started, which ends in a crash. */
#if defined(__x86_64__) && defined(__GLIBC__) \
    && !defined(TAPEAD_NO_CLONES) && !defined(__SANITIZE_THREAD__) \
    && (defined(__clang__) ? __clang_major__ >= 14 : defined(__GNUC__))
#define TAPEAD_CLONES __attribute__((flatten, target_clones("default", "avx2", "avx512f")))
#elif defined(__GNUC__)
#define TAPEAD_CLONES __attribute__((flatten))
#else
#define TAPEAD_CLONES
#endif

/* Two operands of a loop are the same or do not overlap: no lane waits for another one. */
#if defined(__clang__)
#define TAPEAD_APART _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define TAPEAD_APART _Pragma("GCC ivdep") _Pragma("GCC unroll 1")
#else
#define TAPEAD_APART
#endif

#endif
