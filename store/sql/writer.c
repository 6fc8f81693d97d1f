/* writer - the one thread that writes. SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "writer.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <time.h>

/* Lives on the stack of the caller that waits for it. */
struct sev_job {
    sev_operation *run;
    const void *arguments;
    struct sev_job *next;
    sem_t over; /* nothing of the job is the writer's after that */
    sev_err result;
};

static struct timespec linger_end(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += SEV_WRITER_LINGER_MS * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_nsec -= 1000000000L;
        t.tv_sec++;
    }
    return t;
}

/* With the lock: wait until so many are queued, or until `end`, or until all is to end. */
static void await(struct sev_writer *w, uint32_t count, const struct timespec *end)
{
    int error = 0;
    w->wanted = count;
    while (w->queued < count && !w->stopping && error == 0)
        error = end == NULL ? pthread_cond_wait(&w->more, &w->lock)
                            : pthread_cond_timedwait(&w->more, &w->lock, end);
    w->wanted = UINT32_MAX; /* nobody need wake who does not sleep */
}

static struct sev_job *take(struct sev_writer *w, uint32_t expected, const struct timespec *end)
{
    (void)pthread_mutex_lock(&w->lock);
    await(w, expected, end);
    struct sev_job *job = w->first;
    if (job != NULL) {
        w->first = job->next;
        w->queued--;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return job;
}

static sev_err step(struct sev_db *db, enum sev_step which)
{
    return db->driver->step(db, which);
}

/* The result of the job is its own; what is returned concerns the transaction, which the
 * database gives up as a whole when memory, disk or network fail it. */
static sev_err run_one(struct sev_db *db, struct sev_job *job)
{
    sev_err e = step(db, SEV_STEP_SAVEPOINT);
    if (e != SEV_OK)
        return e;
    job->result = job->run(db, job->arguments);
    /* A driver may put off what has no result; RELEASE tells what came of it. */
    if (job->result == SEV_OK)
        job->result = step(db, SEV_STEP_RELEASE);
    if (!db->driver->in_transaction(db))
        return job->result != SEV_OK ? job->result : SEV_E_STORE;
    if (job->result == SEV_OK)
        return SEV_OK;
    e = step(db, SEV_STEP_UNDO);
    return e != SEV_OK ? e : step(db, SEV_STEP_RELEASE);
}

/* Everyone in the group learns what became of it. A job that was refused because of one before it
 * in the same group must not say so when neither came to be: `failure` is everyone's. */
static void finish(struct sev_job *group, sev_err failure)
{
    while (group != NULL) {
        struct sev_job *next = group->next;
        if (failure != SEV_OK)
            group->result = failure;
        (void)sem_post(&group->over);
        group = next;
    }
}

/* From the first operation to the answers. As many as came last time are waited for: callers that
 * were answered together come back together, and one who is alone never waits. */
static void run_group(struct sev_writer *w)
{
    struct sev_job *group = NULL, **end = &group, *job;
    struct timespec until = linger_end();
    sev_err e = step(&w->db, SEV_STEP_BEGIN);
    /* Where nobody can write now, all who wait are told so, not a group after each time-out. */
    uint32_t count = 0, most = e == SEV_OK ? w->db.driver->group_max : SEV_WRITER_QUEUE_MAX;
    while (count < most) {
        uint32_t expected = e == SEV_OK && count < w->expected ? w->expected - count : 0;
        if ((job = take(w, expected, &until)) == NULL)
            break;
        job->next = NULL;
        *end = job;
        end = &job->next;
        count++;
        if (e == SEV_OK && (e = run_one(&w->db, job)) != SEV_OK)
            break; /* those behind it have a group of their own */
    }
    if (e == SEV_OK)
        e = step(&w->db, SEV_STEP_COMMIT);
    if (w->db.driver->in_transaction(&w->db)) {
        sev_err ignored = step(&w->db, SEV_STEP_ROLLBACK);
        (void)ignored; /* `e` says more; if it really failed, so will the next BEGIN */
    }
    finish(group, e);
    w->expected = count;
}

static void *run(void *self)
{
    struct sev_writer *w = self;
    bool work = true;
    while (work) {
        (void)pthread_mutex_lock(&w->lock);
        await(w, 1, NULL);
        work = w->first != NULL;
        (void)pthread_mutex_unlock(&w->lock);
        if (work) {
            run_group(w);
            w->db.driver->tidy(&w->db);
        }
    }
    return NULL;
}

static int init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int error = pthread_condattr_init(&attributes);
    if (error != 0)
        return error;
    error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (error == 0)
        error = pthread_cond_init(cond, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return error;
}

/* Signals are the business of the threads that were there before. */
static int start_thread(struct sev_writer *w)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&w->thread, NULL, run, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

sev_err sev_writer_start(struct sev_db *db, struct sev_writer *out)
{
    memset(out, 0, sizeof *out);
    if (pthread_mutex_init(&out->lock, NULL) != 0)
        return SEV_E_MEMORY;
    if (init_monotonic(&out->more) != 0) {
        (void)pthread_mutex_destroy(&out->lock);
        return SEV_E_MEMORY;
    }
    out->db = *db;
    if (start_thread(out) != 0) {
        (void)pthread_cond_destroy(&out->more);
        (void)pthread_mutex_destroy(&out->lock);
        return SEV_E_MEMORY;
    }
    memset(db, 0, sizeof *db);
    return SEV_OK;
}

void sev_writer_stop(struct sev_writer *w)
{
    (void)pthread_mutex_lock(&w->lock);
    w->stopping = true;
    (void)pthread_cond_signal(&w->more);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    sev_db_close(&w->db);
    (void)pthread_cond_destroy(&w->more);
    (void)pthread_mutex_destroy(&w->lock);
}

/* @return whether there was room */
static bool push(struct sev_writer *w, struct sev_job *job)
{
    (void)pthread_mutex_lock(&w->lock);
    bool room = w->queued < SEV_WRITER_QUEUE_MAX && !w->stopping, wake = false;
    if (room) {
        if (w->first == NULL)
            w->first = job;
        else
            w->last->next = job;
        w->last = job;
        wake = ++w->queued >= w->wanted;
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (wake)
        (void)pthread_cond_signal(&w->more);
    return room;
}

sev_err sev_writer_do(struct sev_writer *w, sev_operation *operation, const void *arguments)
{
    struct sev_job job = {.run = operation, .arguments = arguments, .result = SEV_E_BUSY};
    if (sem_init(&job.over, 0, 0) != 0)
        return SEV_E_MEMORY;
    if (push(w, &job))
        while (sem_wait(&job.over) != 0 && errno == EINTR)
            continue;
    (void)sem_destroy(&job.over);
    return job.result;
}
