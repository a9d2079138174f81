#include "agent/session/resident.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/base/mem.h"

#define PAGE_BYTES         ((uintptr_t)4096)
#define RANGES             64
#define MOST_DATA_BYTES    (256 * 1024) /* of a library; more is no data */
#define FRESH_HEAP_BYTES   (192 * 1024)
#define STACK_BYTES        (128 * 1024)
#define STACK_SPARED_BYTES 1024 /* below our own frame */

static struct range {
    uintptr_t from, to;
} data[RANGES];
static size_t data_count;
static uintptr_t heap;

/* The end is taken from where the heap's last block is then. */
static void
note(const char *line)
{
    unsigned long from = 0, to = 0;
    char rights[5] = "";

    if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) != 3 ||
        strcmp(rights, "rw-p") != 0 || strstr(line, "[stack]"))
        return;
    if (strstr(line, "[heap]"))
        heap = from;
    else if (to - from <= MOST_DATA_BYTES && data_count < RANGES)
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

static void
populate(uintptr_t from, uintptr_t to)
{
    from &= ~(PAGE_BYTES - 1);
    to &= ~(PAGE_BYTES - 1);
    if (from < to)
        (void)madvise((void *)from, to - from, MADV_POPULATE_WRITE);
}

void
resident_take(void)
{
    uint8_t *fresh = mem_raw(FRESH_HEAP_BYTES);
    uintptr_t top = (uintptr_t)fresh + FRESH_HEAP_BYTES;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    if (heap && heap < top)
        populate(heap, top);
    for (size_t i = 0; i < data_count; i++)
        populate(data[i].from, data[i].to);
    populate(here - STACK_BYTES, here - STACK_SPARED_BYTES);
    free(fresh);
}
