#include <dirent.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "places_of_tests.h"
#include "tests/unit/cms_fixture.h"

static char scratch_folder[64];

static void
scratch_remove(void)
{
    DIR *folder = opendir(scratch_folder);

    for (struct dirent *d; folder && (d = readdir(folder));)
        if (d->d_name[0] != '.')
            (void)unlinkat(dirfd(folder), d->d_name, 0);
    if (folder)
        closedir(folder);
    (void)rmdir(scratch_folder);
}

const char *
scratch(const char *file)
{
    static char path[8][256];
    static unsigned next;

    if (!scratch_folder[0]) {
        snprintf(scratch_folder, sizeof(scratch_folder),
                 "/tmp/smime-cms-test-XXXXXX");
        assert_non_null(mkdtemp(scratch_folder));
        atexit(scratch_remove);
    }
    next = (next + 1) % ARRAY_COUNT(path);
    snprintf(path[next], sizeof(path[next]), "%s/%s", scratch_folder, file);
    return path[next];
}

void
save_file(const char *path, struct slice bytes)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes.p, 1, bytes.n, f), bytes.n);
    assert_int_equal(fclose(f), 0);
}

bool
load_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return false;
    do {
        buf_reserve(out, 65536);
        n = fread(out->data + out->len, 1, 65536, f);
        out->len += n;
    } while (n > 0);
    fclose(f);
    return true;
}

void
identity_save(const struct identity *id, const char *name)
{
    char file[64];
    FILE *f;

    snprintf(file, sizeof(file), "%s.crt", name);
    f = fopen(scratch(file), "w");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, id->x509), 1);
    fclose(f);
    snprintf(file, sizeof(file), "%s.key", name);
    f = fopen(scratch(file), "w");
    assert_non_null(f);
    assert_int_equal(
        PEM_write_PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(f);
}

int
run(const char *format, ...)
{
    char command[2048];
    size_t n;
    va_list args;
    int status;

    n = (size_t)snprintf(command, sizeof(command), "cd %s && ", scratch(""));
    va_start(args, format);
    vsnprintf(command + n, sizeof(command) - n, format, args);
    va_end(args);
    n = strlen(command);
    snprintf(command + n, sizeof(command) - n, " >>log 2>&1");
    status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *
shared_data(void)
{
    static const char folder[] = SMIME_SOURCE_DIR "/../shared/data";
    struct stat st;

    return stat(folder, &st) == 0 ? folder : NULL;
}
