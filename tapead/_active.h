/* The recording that is active in this thread: one thread-local pointer.

   Never null: where nothing is recording it points to an idle State whose serial, its first
   member, no Var carries, so that a single comparison finds a Var that does not belong here. */
#ifndef TAPEAD_ACTIVE_H
#define TAPEAD_ACTIVE_H

#if defined(_MSC_VER)
#define TAPEAD_THREAD_LOCAL __declspec(thread)
#elif defined(__GLIBC__) && !defined(TAPEAD_DYNAMIC_TLS)
/* initial-exec: one load relative to the thread pointer, no call of __tls_get_addr */
#define TAPEAD_THREAD_LOCAL __thread __attribute__((tls_model("initial-exec")))
#else
#define TAPEAD_THREAD_LOCAL __thread
#endif

static union {
    unsigned long long serial;
    char size[256];
} tapead_idle = {~0ULL};

#if defined(_MSC_VER)
static TAPEAD_THREAD_LOCAL void *tapead_pointer = 0;
#define tapead_active() (tapead_pointer ? tapead_pointer : (void *)&tapead_idle)
#else
static TAPEAD_THREAD_LOCAL void *tapead_pointer = &tapead_idle;
#define tapead_active() tapead_pointer
#endif
#define tapead_activate(state) (tapead_pointer = (state))

#endif
