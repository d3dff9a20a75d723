/* A pool of threads that share out the chunks of one region at a time.

   All that its threads agree on is one atomic word, the gate: the places left in the region, the
   workers inside it, the workers asleep, and whether the caller sleeps. A worker enters by taking
   a place; whoever finds no chunk left takes the remaining places away, and the caller waits for
   those inside alone: a worker that comes late, or not at all, costs nothing.

   Workers are made when a region first needs them, never end, and hold no lock while they work.
   A forked child starts without workers. Called without the GIL. A task must not fork, and must
   not leave by longjmp. */
#ifndef TAPEAD_THREADS_H
#define TAPEAD_THREADS_H

#include <stdint.h>

typedef void (*tapead_task)(void *context, int64_t chunk, int worker);

/* Run task(context, c, w) once for every c in [0, n_chunks) and return when all have returned.

   w in [0, n_threads) tells the threads apart; the caller is 0. Once *stop is not zero no further
   chunk starts; stop may be null. In a nested region, and while the pool serves another caller,
   the caller runs all chunks itself as worker 0. */
static void tapead_parallel(tapead_task task, void *context, int64_t n_chunks, int n_threads,
                            volatile int *stop);

#if defined(__GNUC__) || defined(__clang__)
#define tapead_stopped(stop) ((stop) && __atomic_load_n((stop), __ATOMIC_RELAXED))
#else
#define tapead_stopped(stop) ((stop) && *(stop))
#endif

static void tapead_serially(tapead_task task, void *context, int64_t n_chunks, volatile int *stop)
{
    for (int64_t chunk = 0; chunk < n_chunks && !tapead_stopped(stop); chunk++)
        task(context, chunk, 0);
}

#if defined(_WIN32) || defined(__STDC_NO_ATOMICS__)

static void tapead_parallel(tapead_task task, void *context, int64_t n_chunks, int n_threads,
                            volatile int *stop)
{
    (void)n_threads;
    tapead_serially(task, context, n_chunks, stop);
}

#else

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>

/* The gate's fields. */
#define TAPEAD_PLACE UINT64_C(1)
#define TAPEAD_PLACES UINT64_C(0xFFFF)
#define TAPEAD_INSIDE (UINT64_C(1) << 16)
#define TAPEAD_ALL_INSIDE (UINT64_C(0xFFFF) << 16)
#define TAPEAD_SLEEPER (UINT64_C(1) << 32)
#define TAPEAD_SLEEPERS(gate) ((int)((gate) >> 32 & 0xFFFF))
#define TAPEAD_CALLER_SLEEPS (UINT64_C(1) << 48)
#define TAPEAD_MOST_THREADS 0x7FFF

/* About what waking a sleeper costs: longer spinning cannot win more than twice that back, and a
   busy machine loses no more than this per thread and region. */
#define TAPEAD_SPIN_NANOSECONDS 5000

#define TAPEAD_LINE _Alignas(64) /* a cache line of its own */

static struct {
    TAPEAD_LINE _Atomic uint64_t gate;
    atomic_int caller_at; /* processor where the region began */
    TAPEAD_LINE _Atomic int64_t next_chunk;
    /* Written only while the gate is shut and nobody is inside, by the one who holds `busy`. */
    TAPEAD_LINE tapead_task task;
    void *context;
    int64_t n_chunks;
    volatile int *stop;
    int n_places;
    int n_workers;
    int survives_fork;
    TAPEAD_LINE atomic_flag busy;
    pthread_mutex_t lock; /* taken to fall asleep and to wake, not to work */
    pthread_cond_t opened, emptied;
} tapead_pool = {
    .busy = ATOMIC_FLAG_INIT,
    .lock = PTHREAD_MUTEX_INITIALIZER,
    .opened = PTHREAD_COND_INITIALIZER,
    .emptied = PTHREAD_COND_INITIALIZER,
};

static _Thread_local int tapead_in_task; /* always, in a worker */

/* Wakes two at most, and each of those two more: on many processors the caller does not spend its
   share of the region on waking the others. */
static void tapead_wake(uint64_t gate)
{
    int n_asleep = TAPEAD_SLEEPERS(gate), n_places = (int)(gate & TAPEAD_PLACES);
    if (n_asleep == 0 || n_places == 0)
        return;
    /* Who counts as asleep holds the lock until it really is. */
    pthread_mutex_lock(&tapead_pool.lock);
    pthread_mutex_unlock(&tapead_pool.lock);
    pthread_cond_signal(&tapead_pool.opened);
    if (n_asleep > 1 && n_places > 1)
        pthread_cond_signal(&tapead_pool.opened);
}

static void tapead_run_chunks(int worker)
{
    while (!tapead_stopped(tapead_pool.stop)) {
        int64_t chunk = atomic_fetch_add(&tapead_pool.next_chunk, 1);
        if (chunk >= tapead_pool.n_chunks)
            break;
        tapead_pool.task(tapead_pool.context, chunk, worker);
    }
    atomic_fetch_and(&tapead_pool.gate, ~TAPEAD_PLACES);
}

static int64_t tapead_nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void tapead_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether the field becomes zero (or not zero) within the time that a spin may take. */
static int tapead_spin(uint64_t field, int zero)
{
    int64_t start = tapead_nanoseconds();
    do {
        for (int i = 0; i < 8; i++) { /* the clock is slower than a look at the gate */
            if (((atomic_load(&tapead_pool.gate) & field) == 0) == zero)
                return 1;
            tapead_pause();
        }
    } while (tapead_nanoseconds() - start < TAPEAD_SPIN_NANOSECONDS);
    return 0;
}

static void tapead_await_places(void)
{
    if (tapead_spin(TAPEAD_PLACES, 0))
        return;
    pthread_mutex_lock(&tapead_pool.lock);
    atomic_fetch_add(&tapead_pool.gate, TAPEAD_SLEEPER);
    while (!(atomic_load(&tapead_pool.gate) & TAPEAD_PLACES))
        pthread_cond_wait(&tapead_pool.opened, &tapead_pool.lock);
    atomic_fetch_sub(&tapead_pool.gate, TAPEAD_SLEEPER);
    pthread_mutex_unlock(&tapead_pool.lock);
}

/* Linux may wake a worker on the very processor of the caller, push the caller aside for it and
   leave both there: two threads then take longer than one. The worker goes elsewhere, and is free
   to be anywhere again. */
#if defined(__linux__) && defined(CPU_CLR)
#define tapead_processor() sched_getcpu()

static void tapead_avoid_caller(void)
{
    cpu_set_t allowed, others;
    int here = sched_getcpu();
    if (here != atomic_load(&tapead_pool.caller_at) || here < 0 || here >= CPU_SETSIZE
        || sched_getaffinity(0, sizeof allowed, &allowed))
        return;
    others = allowed;
    CPU_CLR(here, &others);
    if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
        sched_setaffinity(0, sizeof allowed, &allowed);
}
#else
#define tapead_processor() (-1)

static void tapead_avoid_caller(void)
{
}
#endif

/* A number that no other thread has in this region, or 0 if no place is left. */
static int tapead_enter(void)
{
    uint64_t gate = atomic_load(&tapead_pool.gate);
    while (gate & TAPEAD_PLACES)
        if (atomic_compare_exchange_weak(&tapead_pool.gate, &gate,
                                         gate - TAPEAD_PLACE + TAPEAD_INSIDE))
            return tapead_pool.n_places - (int)(gate & TAPEAD_PLACES) + 1;
    return 0;
}

static void tapead_leave(void)
{
    uint64_t gate = atomic_fetch_sub(&tapead_pool.gate, TAPEAD_INSIDE) - TAPEAD_INSIDE;
    if ((gate & TAPEAD_ALL_INSIDE) || !(gate & TAPEAD_CALLER_SLEEPS))
        return;
    pthread_mutex_lock(&tapead_pool.lock);
    pthread_cond_signal(&tapead_pool.emptied);
    pthread_mutex_unlock(&tapead_pool.lock);
}

static void *tapead_work(void *unused)
{
    tapead_in_task = 1;
    for (;;) {
        tapead_await_places();
        tapead_avoid_caller();
        int worker = tapead_enter();
        if (worker) {
            tapead_wake(atomic_load(&tapead_pool.gate));
            tapead_run_chunks(worker);
            tapead_leave();
        }
    }
    return unused;
}

/* fork copies the lock and the word in whatever state they are in: held here, the lock is free
   in both processes, and the child, which has none of the threads, starts anew. */
static void tapead_before_fork(void)
{
    pthread_mutex_lock(&tapead_pool.lock);
}

static void tapead_after_fork(void)
{
    pthread_mutex_unlock(&tapead_pool.lock);
}

static void tapead_in_child(void)
{
    pthread_cond_init(&tapead_pool.opened, 0);
    pthread_cond_init(&tapead_pool.emptied, 0);
    tapead_pool.n_workers = 0;
    atomic_store(&tapead_pool.gate, 0);
    atomic_flag_clear(&tapead_pool.busy);
    pthread_mutex_unlock(&tapead_pool.lock);
}

/* Before the first region, lest a fork in the midst of it find the handlers not yet there. */
__attribute__((constructor)) static void tapead_expect_forks(void)
{
    tapead_pool.survives_fork =
        !pthread_atfork(tapead_before_fork, tapead_after_fork, tapead_in_child);
}

/* What a worker must not answer for Python's main thread. Faults stay open: blocked, they would
   end the process before faulthandler has its say. */
static void tapead_signals_to_block(sigset_t *signals)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigfillset(signals);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++)
        sigdelset(signals, faults[i]);
}

static int tapead_make_worker(void)
{
    pthread_t thread;
    sigset_t blocked, before;
    int failed;
    tapead_signals_to_block(&blocked);
    if (pthread_sigmask(SIG_SETMASK, &blocked, &before))
        return 0;
    failed = pthread_create(&thread, 0, tapead_work, 0);
    pthread_sigmask(SIG_SETMASK, &before, 0);
    if (!failed)
        pthread_detach(thread);
    return !failed;
}

/* How many of the workers wanted there are, once those missing have been made if possible. */
static int tapead_hire(int wanted)
{
    if (!tapead_pool.survives_fork)
        return 0;
    while (tapead_pool.n_workers < wanted && tapead_make_worker())
        tapead_pool.n_workers++;
    return tapead_pool.n_workers < wanted ? tapead_pool.n_workers : wanted;
}

static void tapead_await_the_last(void)
{
    if (tapead_spin(TAPEAD_ALL_INSIDE, 1))
        return;
    pthread_mutex_lock(&tapead_pool.lock);
    atomic_fetch_or(&tapead_pool.gate, TAPEAD_CALLER_SLEEPS);
    while (atomic_load(&tapead_pool.gate) & TAPEAD_ALL_INSIDE)
        pthread_cond_wait(&tapead_pool.emptied, &tapead_pool.lock);
    atomic_fetch_and(&tapead_pool.gate, ~TAPEAD_CALLER_SLEEPS);
    pthread_mutex_unlock(&tapead_pool.lock);
}

/* Only by the one who holds `busy`. */
static void tapead_together(tapead_task task, void *context, int64_t n_chunks, int n_workers,
                            volatile int *stop)
{
    uint64_t n_places = (uint64_t)tapead_hire(n_workers);
    tapead_pool.task = task;
    tapead_pool.context = context;
    tapead_pool.n_chunks = n_chunks;
    tapead_pool.stop = stop;
    tapead_pool.n_places = (int)n_places;
    atomic_store(&tapead_pool.next_chunk, 0);
    atomic_store(&tapead_pool.caller_at, tapead_processor());
    tapead_wake(atomic_fetch_add(&tapead_pool.gate, n_places) + n_places);
    tapead_run_chunks(0);
    tapead_await_the_last();
}

static void tapead_parallel(tapead_task task, void *context, int64_t n_chunks, int n_threads,
                            volatile int *stop)
{
    int nested = tapead_in_task;
    int64_t wanted = n_threads < n_chunks ? n_threads : n_chunks;
    if (wanted > TAPEAD_MOST_THREADS)
        wanted = TAPEAD_MOST_THREADS;
    tapead_in_task = 1;
    if (nested || wanted < 2 || atomic_flag_test_and_set(&tapead_pool.busy)) {
        tapead_serially(task, context, n_chunks, stop);
    } else {
        tapead_together(task, context, n_chunks, (int)wanted - 1, stop);
        atomic_flag_clear(&tapead_pool.busy);
    }
    tapead_in_task = nested;
}

#endif
#endif
