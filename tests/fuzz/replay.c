/*
 * Runs a fuzz target over the files of the folders (or single files) given:
 * what libFuzzer's own main does, for compilers without it. Fails when there
 * was nothing to run.
 */
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "agent/base/fd.h"
#include "tests/fuzz/fuzz.h"

#define LIMIT_SEED_BYTES (16 * 1024 * 1024)

static bool
replay_file(const char *path)
{
    AUTO(buf) struct buf bytes = {0};
    struct problem p = {0};
    uint8_t *copy;

    if (file_read(path, LIMIT_SEED_BYTES, &bytes, &p) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", path, p.detail);
        return false;
    }
    /* Exactly as large as the input, so that reading beyond it is seen. */
    copy = malloc(bytes.len ? bytes.len : 1);
    if (!copy)
        return false;
    if (bytes.len > 0)
        memcpy(copy, bytes.data, bytes.len);
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(copy, bytes.len);
    free(copy);
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
