#include "agent/session/rehearsal.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/session/methods.h"

#define PAGE_BYTES      ((uintptr_t)4096)
#define MOST_AREAS      16
#define MOST_PAGES      ((size_t)4096)
#define HANDLER_STACK   (64 * 1024)
#define MOST_SECONDS    2
#define KEYRING_LETTERS 2 /* the narrowing, and the question about the mail */

/* The code of one library, or of the program. */
static struct area {
    uintptr_t from, to;
    uint8_t *missed; /* a byte for each page */
} areas[MOST_AREAS];
static size_t area_count;

static uint8_t missed[MOST_PAGES];
static size_t page_count;

/* ---- what is mapped ------------------------------------------------------ */

static void
area_add(uintptr_t from, uintptr_t to, uint8_t *marks)
{
    size_t pages = (to - from) / PAGE_BYTES;

    if (area_count == MOST_AREAS || pages > MOST_PAGES - page_count)
        return;
    areas[area_count++] = (struct area){from, to, marks + page_count};
    page_count += pages;
}

static void
areas_find(uint8_t *marks)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    unsigned long from, to;
    char line[512], rights[5];

    area_count = 0;
    page_count = 0;
    while (maps && fgets(line, sizeof(line), maps))
        if (sscanf(line, "%lx-%lx %4s", &from, &to, rights) == 3 &&
            strcmp(rights, "r-xp") == 0 && strchr(line, '/'))
            area_add(from, to, marks);
    if (maps)
        fclose(maps);
}

/* ---- the child ----------------------------------------------------------- */

/* Called without a jump through the program's code, which is hidden too; and
 * not mprotect, for which a sanitizer has one of its own. */
static long (*volatile system_call)(long, ...) = syscall;

static bool
page_rights(uintptr_t page, int rights)
{
    return system_call(SYS_mprotect, page, PAGE_BYTES, rights) == 0;
}

static void
on_miss(int number, siginfo_t *info, void *context)
{
    uintptr_t page = (uintptr_t)info->si_addr & ~(PAGE_BYTES - 1);

    (void)context;
    for (size_t i = 0; i < area_count; i++)
        if (page >= areas[i].from && page < areas[i].to &&
            page_rights(page, PROT_READ | PROT_EXEC)) {
            areas[i].missed[(page - areas[i].from) / PAGE_BYTES] = 1;
            return;
        }
    signal(number, SIG_DFL);
}

/* What on_miss itself runs on; a function may reach into the next page. */
static bool
is_needed(uintptr_t page)
{
    const uintptr_t code[] = {(uintptr_t)on_miss, (uintptr_t)page_rights,
                              (uintptr_t)syscall};

    for (size_t i = 0; i < ARRAY_COUNT(code); i++)
        if (page == (code[i] & ~(PAGE_BYTES - 1)) ||
            page == (code[i] & ~(PAGE_BYTES - 1)) + PAGE_BYTES)
            return true;
    return false;
}

static void
code_hide(void)
{
    static uint8_t stack[HANDLER_STACK];
    stack_t other = {.ss_sp = stack, .ss_size = sizeof(stack)};
    /* What returns from it is on a page too. */
    struct sigaction a = {.sa_sigaction = on_miss,
                          .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    if (sigaltstack(&other, NULL) != 0 || sigaction(SIGSEGV, &a, NULL) != 0)
        _exit(1);
    for (size_t i = 0; i < area_count; i++)
        for (uintptr_t p = areas[i].from; p < areas[i].to; p += PAGE_BYTES)
            if (is_needed(p))
                areas[i].missed[(p - areas[i].from) / PAGE_BYTES] = 1;
            else if (!page_rights(p, PROT_NONE))
                _exit(1);
}

static int
mail_open_fd(void)
{
    int fd = memfd_create("rehearsal", MFD_CLOEXEC);

    if (fd < 0 ||
        write(fd, rehearsal_mail, rehearsal_mail_len) !=
            (ssize_t)rehearsal_mail_len ||
        lseek(fd, 0, SEEK_SET) != 0)
        _exit(1);
    return fd;
}

/* As a session does, up to the keyring's answer: there is none. */
static _Noreturn void
rehearse(int keyholder, int keyring)
{
    static const char text[] = "{\"method\":\"io.smimeagent.Mail.Verify\","
                               "\"parameters\":{\"input\":0}}";
    struct session s = {.conn = -1,
                        .broker = -1,
                        .keyholder = keyholder,
                        .keyring = keyring,
                        .narrowing = keyring,
                        .rights = RIGHT_MAIL,
                        .scratch = {.fd = -1, .broker = -1}};
    struct varlink_call call = {0};
    struct problem why = {0};
    struct message_in in;

    alarm(MOST_SECONDS);
    message_in_init(&in);
    in.fds[in.fd_count++] = mail_open_fd();
    frame_init(&s.keyholder_frame);
    frame_init(&s.keyring_frame);
    close(STDERR_FILENO); /* that nobody answers is no news */
    code_hide();
    if (!varlink_parse(slice_text(text), &call, &why))
        _exit(1);
    free(json_dumps(method_call(&s, &call, &in), JSON_COMPACT));
    _exit(0);
}

/* ---- the zygote ---------------------------------------------------------- */

/* Takes what the keyring would be told; false when it was told less. */
static bool
keyring_was_asked(int fd)
{
    char letter; /* of a packet, the rest is dropped */

    for (int i = 0; i < KEYRING_LETTERS; i++)
        if (recv(fd, &letter, sizeof(letter), 0) <= 0)
            return false;
    return true;
}

static bool
child_ran_well(void)
{
    AUTO(fd) int ours = -1;
    int keyholder[2], keyring[2], status = -1;
    bool asked;
    pid_t pid;

    if (!channel_pair(keyholder))
        return false;
    close(keyholder[0]);
    if (!channel_pair(keyring)) {
        close(keyholder[1]);
        return false;
    }
    ours = keyring[0];
    pid = fork();
    if (pid == 0) {
        close(ours);
        rehearse(keyholder[1], keyring[1]);
    }
    close(keyholder[1]);
    close(keyring[1]);
    if (pid < 0)
        return false;
    asked = keyring_was_asked(ours);
    fd_drop(&ours);
    return waitpid(pid, &status, 0) == pid && status == 0 && asked;
}

size_t
rehearsal_hold(void)
{
    uint8_t *shared = mmap(NULL, MOST_PAGES, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    size_t known = 0;

    memset(missed, 0, sizeof(missed));
    if (shared == MAP_FAILED)
        return 0;
    areas_find(shared);
    if (child_ran_well())
        memcpy(missed, shared, page_count);
    (void)munmap(shared, MOST_PAGES);
    for (size_t i = 0, first = 0; i < area_count; i++) {
        areas[i].missed = missed + first;
        first += (areas[i].to - areas[i].from) / PAGE_BYTES;
    }
    for (size_t i = 0; i < page_count; i++)
        known += missed[i];
    return known;
}

void
rehearsal_recall(void)
{
    for (size_t i = 0; i < area_count; i++)
        for (uintptr_t p = areas[i].from; p < areas[i].to; p += PAGE_BYTES)
            if (areas[i].missed[(p - areas[i].from) / PAGE_BYTES])
                (void)*(volatile uint8_t *)p;
}

bool
rehearsal_knows(const void *address)
{
    uintptr_t at = (uintptr_t)address;

    for (size_t i = 0; i < area_count; i++)
        if (at >= areas[i].from && at < areas[i].to)
            return areas[i].missed[(at - areas[i].from) / PAGE_BYTES] != 0;
    return false;
}
