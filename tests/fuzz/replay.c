/*
 * Runs a fuzz target over the files of the folders (or single files) given:
 * what libFuzzer's own main does, for compilers without it. A target with a
 * mutator of its own sees some changes of each seed too, the same each time.
 * Fails when there was nothing to run.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/base/fd.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_SEED_BYTES (16 * 1024 * 1024)

#define MUTATIONS 16

#pragma weak LLVMFuzzerCustomMutator

/* In libFuzzer's place: one bit, or one byte more or less. */
size_t
LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most)
{
    static size_t step;

    step += 7919;
    if (size == 0 || (step % 5 == 0 && size < most)) {
        data[size] = (uint8_t)step;
        return most > 0 ? size + 1 : 0;
    }
    if (step % 7 == 0)
        return size - 1;
    data[step % size] ^= (uint8_t)(1 << step % 8);
    return size;
}

/* Exactly as large as the input, so that reading beyond it is seen. */
static void
run_copy(struct slice bytes)
{
    uint8_t *copy = mem_raw(bytes.n ? bytes.n : 1);

    if (bytes.n > 0)
        memcpy(copy, bytes.p, bytes.n);
    LLVMFuzzerTestOneInput(copy, bytes.n);
    free(copy);
}

static void
run_mutations(struct slice bytes)
{
    size_t room = bytes.n + 4096;
    uint8_t *changed = mem_raw(room);

    for (unsigned i = 0; i < MUTATIONS && LLVMFuzzerCustomMutator; i++) {
        size_t n;

        if (bytes.n > 0)
            memcpy(changed, bytes.p, bytes.n);
        n = LLVMFuzzerCustomMutator(changed, bytes.n, room, i + 1);
        run_copy(slice_of(changed, n));
    }
    free(changed);
}

static bool
replay_file(const char *path)
{
    AUTO(buf) struct buf bytes = {0};
    struct problem p = {0};

    if (file_read(path, LIMIT_SEED_BYTES, &bytes, &p) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", path, p.detail);
        return false;
    }
    fprintf(stderr, "%s\n", path);
    run_copy(buf_slice(&bytes));
    run_mutations(buf_slice(&bytes));
    return true;
}

/* Gives the number of files replayed, -1 when one could not be read. */
static int
replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    struct dirent *entry;
    int count = 0;

    if (!folder)
        return replay_file(path) ? 1 : -1;
    while (count >= 0 && (entry = readdir(folder))) {
        AUTO(buf) struct buf name = {0};

        if (entry->d_name[0] == '.')
            continue;
        buf_addf(&name, "%s/%s", path, entry->d_name);
        count = replay_file(buf_text(&name)) ? count + 1 : -1;
    }
    closedir(folder);
    return count;
}

int
main(int argc, char **argv)
{
    int all = 0;

    for (int i = 1; i < argc; i++) {
        int count = replay_folder(argv[i]);

        if (count < 0)
            return 1;
        all += count;
    }
    printf("%d inputs\n", all);
    return all > 0 ? 0 : 1;
}
