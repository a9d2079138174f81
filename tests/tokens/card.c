/*
 * A smart card in software in the virtual reader of vsmartcard-vpcd: carries
 * APDUs between it and libcacard's CAC applet, whose keys lie in an NSS
 * database. For tests only.
 *
 *     card PORT NSSDB      SIGUSR1 pulls the card, SIGUSR2 inserts it again
 *
 * What vpcd says is a length (two bytes) and that many bytes; one byte alone
 * is a command to the card's contacts.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vcard_emul.h>
#include <vevent.h>
#include <vreader.h>

enum { POWER_OFF, POWER_ON, RESET, GET_ATR = 4 };

static volatile sig_atomic_t pulled;

static void
handle_signal(int signal)
{
    pulled = signal == SIGUSR1;
}

static int
reader_connect(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return fd;
}

/* False at the end of the connection, and when the card is pulled. */
static int
take(int fd, unsigned char *p, size_t n)
{
    while (n > 0) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};

        if (pulled)
            return 0;
        if (poll(&ready, 1, 50) <= 0)
            continue;
        ssize_t got = read(fd, p, n);
        if (got <= 0)
            return 0;
        p += got;
        n -= (size_t)got;
    }
    return 1;
}

static int
give(int fd, const unsigned char *p, int n)
{
    unsigned char all[2 + 4096];

    if (n < 0 || n > 4096)
        return 0;
    all[0] = (unsigned char)(n >> 8);
    all[1] = (unsigned char)n;
    memcpy(all + 2, p, (size_t)n);
    return write(fd, all, (size_t)n + 2) == n + 2;
}

/* vpcd asks for the ATR to see whether the card is there, in the middle of
 * everything: that must not reset it. */
static int
command(int fd, VReader *reader, int what)
{
    static unsigned char atr[64];
    static int atr_len;

    if (what == POWER_OFF) {
        vreader_power_off(reader);
        atr_len = 0;
    } else if (what == POWER_ON || what == RESET || atr_len == 0) {
        atr_len = sizeof(atr);
        if (vreader_power_on(reader, atr, &atr_len) != VREADER_OK)
            atr_len = 0;
    }
    return what != GET_ATR || give(fd, atr, atr_len);
}

static void
serve(int fd, VReader *reader)
{
    unsigned char head[2], in[4096], out[4096];

    while (take(fd, head, 2)) {
        int n = head[0] << 8 | head[1], got = sizeof(out);

        if (n > (int)sizeof(in) || !take(fd, in, (size_t)n))
            return;
        if (n == 1 && !command(fd, reader, in[0]))
            return;
        if (n == 1)
            continue;
        if (vreader_xfr_bytes(reader, in, n, out, &got) != VREADER_OK)
            got = 0;
        if (!give(fd, out, got))
            return;
    }
}

static VReader *
card_new(const char *db)
{
    char options[512];

    snprintf(options, sizeof(options),
             "db=\"sql:%s\" soft=(,Test reader,CAC,,cert1,cert2,cert3)", db);
    if (vcard_emul_init(vcard_emul_options(options)) != VCARD_EMUL_OK)
        return NULL;
    VReaderList *list = vreader_get_reader_list();
    VReaderListEntry *first = list ? vreader_list_get_first(list) : NULL;
    return first ? vreader_list_get_reader(first) : NULL;
}

int
main(int argc, char **argv)
{
    struct sigaction act = {.sa_handler = handle_signal};

    if (argc != 3)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    sigaction(SIGUSR1, &act, NULL);
    sigaction(SIGUSR2, &act, NULL);
    VReader *reader = card_new(argv[2]);
    if (!reader) {
        fprintf(stderr, "card: libcacard has no card in %s\n", argv[2]);
        return 1;
    }
    for (;;) {
        int fd = pulled ? -1 : reader_connect(atoi(argv[1]));

        if (fd >= 0) {
            serve(fd, reader);
            close(fd);
        }
        usleep(20000);
    }
}
