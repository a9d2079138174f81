#include "agent/session/resident.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/err.h"
#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "agent/session/rehearsal.h"

#define PAGE_BYTES         ((uintptr_t)4096)
#define RANGES             16
#define MOST_DATA_BYTES    (256 * 1024) /* of a library; more is no data */
#define FRESH_HEAP_BYTES   (272 * 1024)
#define HEAP_MARK_BYTES    (1024 * 1024) /* fits into no hole */
#define LARGEST_HOLE_BYTES ((size_t)512 * 1024)
#define HOLE_STEP_BYTES    ((size_t)16)
#define CACHED_BYTES       ((size_t)1024) /* libc keeps freed ones this small */
#define STACK_BYTES        (144 * 1024)   /* that a request touches */
#define GROWN_STACK_BYTES  (240 * 1024)   /* by the warm-up */
#define STACK_SPARED_BYTES 1024           /* below our own frame */

static struct range {
    uintptr_t from, to;
} data[RANGES];
static size_t data_count;
static struct range heap;

/* Whose variables a session changes: the other libraries only read theirs. */
static bool
is_written(const char *line)
{
    static const char *const names[] = {"smime-session", "/libc.so",
                                        "/ld-linux"};

    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (strstr(line, names[i]))
            return true;
    return strchr(line, '/') == NULL; /* what follows a file: its .bss */
}

/*
 * Lets children find the code and constants that are mapped here. fork copies
 * the page table of a file's mapping only where a page of it was written, so
 * one is, with what it holds, before anybody's bytes were read. Where that is
 * refused, children take longer to begin.
 */
static void
bequeath(const char *line, uintptr_t from, uintptr_t to, int rights)
{
    volatile uint8_t *last = (uint8_t *)(to - 1);
    void *start = (void *)from;

    if (mprotect(start, to - from, rights | PROT_WRITE) != 0)
        return;
    *last = *last;
    if (mprotect(start, to - from, rights) != 0)
        bug("code cannot be made read-only again");
    if (strstr(line, "smime-session"))
        (void)madvise(start, to - from, MADV_POPULATE_READ);
}

static void
note(const char *line)
{
    unsigned long from = 0, to = 0;
    char rights[5] = "";

    if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3 ||
        strstr(line, "[stack]"))
        return;
    if (strchr(line, '/') && strcmp(rights, "r-xp") == 0)
        bequeath(line, from, to, PROT_READ | PROT_EXEC);
    else if (strchr(line, '/') && strcmp(rights, "r--p") == 0)
        bequeath(line, from, to, PROT_READ);
    if (strcmp(rights, "rw-p") != 0)
        return;
    if (strstr(line, "[heap]"))
        heap = (struct range){from, to};
    else if (is_written(line) && to - from <= MOST_DATA_BYTES &&
             data_count < RANGES)
        data[data_count++] = (struct range){from, to};
}

void
resident_find(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];

    data_count = 0;
    while (maps && fgets(line, sizeof(line), maps))
        note(line);
    if (maps)
        fclose(maps);
}

/* Whole pages only: what they hold is of no use to anybody. */
static void
forget(uintptr_t from, uintptr_t to)
{
    from = (from + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    to &= ~(PAGE_BYTES - 1);
    if (from < to)
        (void)madvise((void *)from, to - from, MADV_DONTNEED);
}

/*
 * Fills the holes that start-up left all over the heap: a child's blocks
 * then lie together above them, on pages that nobody has written yet, which
 * cost a fifth of a copied one. The fillings stay for good.
 */
static void
heap_fill(void)
{
    void *mark = mem_raw(HEAP_MARK_BYTES);
    uintptr_t above = (uintptr_t)mark;
    uintptr_t filling;

    free(mark);
    if (above < heap.from || above >= heap.to)
        return; /* not libc's allocator */
    forget(above + PAGE_BYTES, above + HEAP_MARK_BYTES);
    for (size_t n = LARGEST_HOLE_BYTES; n >= HOLE_STEP_BYTES;
         n -= n > CACHED_BYTES ? CACHED_BYTES : HOLE_STEP_BYTES) {
        void *block = NULL;

        while ((filling = (uintptr_t)(block = mem_raw(n))) < above)
            forget(filling, filling + n);
        /* A small one would be kept for the next of its size. */
        if (n > CACHED_BYTES)
            free(block);
    }
}

void
resident_settle(void)
{
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    heap_fill();
    forget(here - GROWN_STACK_BYTES, here - STACK_SPARED_BYTES);
}

/* Writes to each page too: one that is there by the kernel's tables alone
 * faults once more where a hypervisor has its own. */
__attribute__((no_sanitize_address)) static void
populate(uintptr_t from, uintptr_t to)
{
    from &= ~(PAGE_BYTES - 1);
    to = (to + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    if (from >= to ||
        madvise((void *)from, to - from, MADV_POPULATE_WRITE) != 0)
        return;
    for (; from < to; from += PAGE_BYTES) {
        volatile uint8_t *first = (uint8_t *)from;

        *first = *first;
    }
}

void
resident_take_part(const void *from, size_t bytes)
{
    populate((uintptr_t)from, (uintptr_t)from + bytes);
}

void
resident_take(void)
{
    uint8_t *fresh = mem_raw(FRESH_HEAP_BYTES);
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    populate((uintptr_t)fresh, (uintptr_t)fresh + FRESH_HEAP_BYTES);
    if (heap.from < heap.to) /* what malloc knows of it */
        populate(heap.from, heap.from + 1);
    for (size_t i = 0; i < data_count; i++)
        populate(data[i].from, data[i].to);
    populate(here - STACK_BYTES, here - STACK_SPARED_BYTES);
    free(fresh);
    rehearsal_recall();
    (void)clock_ms(); /* maps the vDSO */
}
