#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/base/fd.h"
#include "agent/base/harden.h"

static int abi;
static char inside[] = "/tmp/smime-unit-inside-XXXXXX";
static char outside[] = "/tmp/smime-unit-outside-XXXXXX";
static char in_file[64];
static char out_file[64];

static int
setup(void **state)
{
    (void)state;
    if (!mkdtemp(inside) || !mkdtemp(outside))
        return -1;
    snprintf(in_file, sizeof(in_file), "%s/file", inside);
    snprintf(out_file, sizeof(out_file), "%s/file", outside);
    return close(creat(in_file, 0600)) | close(creat(out_file, 0600));
}

static int
teardown(void **state)
{
    (void)state;
    unlink(in_file);
    unlink(out_file);
    return rmdir(inside) | rmdir(outside);
}

/* True when PATH cannot be opened, and that by Landlock. */
static bool
is_refused(const char *path, int flags)
{
    AUTO(fd) int fd = open(path, flags | O_CLOEXEC, 0600);

    return fd < 0 && errno == EACCES;
}

static bool
is_open(const char *path, int flags)
{
    AUTO(fd) int fd = open(path, flags | O_CLOEXEC, 0600);

    return fd >= 0;
}

/* Confines a child to PATHS; CHECK gives 0 or the line that failed. */
static void
assert_confined(const struct sandbox_paths *paths, int (*check)(void))
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        sandbox_files(paths);
        _exit(check() & 0xff);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

#define EXPECT(condition)                                                      \
    do {                                                                       \
        if (!(condition))                                                      \
            return __LINE__;                                                   \
    } while (0)

static int
only_the_folder_can_be_read(void)
{
    EXPECT(is_open(in_file, O_RDONLY));
    EXPECT(is_open(inside, O_RDONLY | O_DIRECTORY));
    EXPECT(is_refused(in_file, O_RDWR));
    EXPECT(is_refused(out_file, O_RDONLY));
    EXPECT(is_refused("/etc/passwd", O_RDONLY));
    EXPECT(unlink(in_file) != 0 && errno == EACCES);
    return 0;
}

static int
only_the_folder_can_be_written(void)
{
    char path[80];

    snprintf(path, sizeof(path), "%s/new", inside);
    EXPECT(is_open(path, O_RDWR | O_CREAT));
    EXPECT(is_open(path, O_RDWR | O_TRUNC));
    EXPECT(unlink(path) == 0);
    EXPECT(mkdir(path, 0700) == 0);
    EXPECT(rmdir(path) == 0);
    EXPECT(symlink("/etc", path) != 0 && errno == EACCES);
    snprintf(path, sizeof(path), "%s/new", outside);
    EXPECT(is_refused(path, O_RDWR | O_CREAT));
    EXPECT(is_refused(out_file, O_WRONLY));
    EXPECT(unlink(out_file) != 0 && errno == EACCES);
    return 0;
}

static int
one_file_can_be_read(void)
{
    EXPECT(is_open(in_file, O_RDONLY));
    EXPECT(is_refused(in_file, O_WRONLY));
    EXPECT(is_refused(inside, O_RDONLY | O_DIRECTORY));
    return 0;
}

static int
nothing_can_be_opened(void)
{
    EXPECT(is_refused(in_file, O_RDONLY));
    EXPECT(is_refused("/", O_RDONLY | O_DIRECTORY));
    EXPECT(is_refused(out_file, O_WRONLY));
    return 0;
}

static int
tcp_is_refused(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(9),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    AUTO(fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    EXPECT(fd >= 0);
    EXPECT(connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0);
    EXPECT(errno == EACCES);
    return 0;
}

static void
a_readable_folder_is_all_that_can_be_read(void **state)
{
    const char *const readable[] = {inside, NULL};

    (void)state;
    assert_confined(&(struct sandbox_paths){.readable = readable},
                    only_the_folder_can_be_read);
}

static void
a_writable_folder_is_all_that_can_be_written(void **state)
{
    const char *const writable[] = {inside, NULL};

    (void)state;
    assert_confined(&(struct sandbox_paths){.writable = writable},
                    only_the_folder_can_be_written);
}

static void
a_single_file_may_be_kept(void **state)
{
    const char *const readable[] = {in_file, NULL};

    (void)state;
    assert_confined(&(struct sandbox_paths){.readable = readable},
                    one_file_can_be_read);
}

static void
a_path_that_is_not_there_gives_nothing(void **state)
{
    const char *const readable[] = {"/nonexistent/folder", NULL};

    (void)state;
    assert_confined(&(struct sandbox_paths){.readable = readable},
                    nothing_can_be_opened);
}

static void
without_paths_nothing_can_be_opened(void **state)
{
    (void)state;
    assert_confined(NULL, nothing_can_be_opened);
}

static void
tcp_is_refused_where_the_kernel_can(void **state)
{
    (void)state;
    if (abi < 4)
        skip();
    assert_confined(NULL, tcp_is_refused);
}

/* Two that listen. */
static uint16_t ports[2];

static int
listen_on_loopback(uint16_t *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, size), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static int
connect_to(uint16_t port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(port)};
    AUTO(fd) int fd = socket(AF_INET, SOCK_STREAM, 0);

    return connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0 ? 0 : errno;
}

static int
only_the_first_port_can_be_reached(void)
{
    EXPECT(connect_to(ports[0]) == 0);
    EXPECT(connect_to(ports[1]) == EACCES);
    EXPECT(is_refused("/etc/passwd", O_RDONLY));
    return 0;
}

static void
a_named_port_is_all_that_can_be_reached(void **state)
{
    AUTO(fd) int one = listen_on_loopback(&ports[0]);
    AUTO(fd) int other = listen_on_loopback(&ports[1]);
    const uint16_t allowed[] = {ports[0], 0};

    (void)state;
    if (abi < 4)
        skip();
    assert_int_equal(connect_to(ports[1]), 0);
    assert_confined(&(struct sandbox_paths){.ports = allowed},
                    only_the_first_port_can_be_reached);
    (void)one;
    (void)other;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_readable_folder_is_all_that_can_be_read),
        cmocka_unit_test(a_writable_folder_is_all_that_can_be_written),
        cmocka_unit_test(a_single_file_may_be_kept),
        cmocka_unit_test(a_path_that_is_not_there_gives_nothing),
        cmocka_unit_test(without_paths_nothing_can_be_opened),
        cmocka_unit_test(tcp_is_refused_where_the_kernel_can),
        cmocka_unit_test(a_named_port_is_all_that_can_be_reached),
    };

    abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0,
                       LANDLOCK_CREATE_RULESET_VERSION);
    if (abi <= 0) {
        puts("SKIP: this kernel has no Landlock");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
