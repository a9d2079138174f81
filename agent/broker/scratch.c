#include "agent/broker/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/log.h"
#include "agent/base/mem.h"
#include "agent/wire/channel.h"

/* A file without a name; -1 with errno. What a session writes there it has
 * encrypted. */
static int
scratch_open(const char *folder)
{
    AUTO(buf) struct buf path = {0};
    int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    /* Not every file system knows O_TMPFILE. */
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return fd;
    (void)mkdir(folder, 0700); /* caches get swept */
    buf_addf(&path, "%s/scratch-XXXXXX", folder);
    buf_add_byte(&path, '\0');
    fd = mkostemp((char *)path.data, O_CLOEXEC);
    if (fd >= 0)
        (void)unlink((char *)path.data);
    return fd;
}

bool
scratch_answer(int ctl, const char *folder)
{
    struct problem p = {0};
    AUTO(fd) int fd = scratch_open(folder);

    if (fd >= 0)
        return channel_reply(ctl, MSG_SCRATCH, NULL, &fd, 1);
    log_error("no scratch file in %s: %s", folder, strerror(errno));
    (void)fail(&p, ERR_OUTPUT, "temporary space in %s: %s", folder,
               strerror(errno));
    return channel_refuse(ctl, MSG_SCRATCH, &p);
}
