/*
 * A PKCS#11 module whose constructor, as it is loaded, does not come back as
 * long as there is the file HANG_WHILE names (ten minutes at most). Then it is
 * no module: it has no functions.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define GLANCE_NS  20000000L
#define MOST_TURNS (600 * 50)

__attribute__((constructor)) static void
hang(void)
{
    const struct timespec glance = {.tv_nsec = GLANCE_NS};
    const char *file = getenv("HANG_WHILE");

    for (int i = 0; file && access(file, F_OK) == 0 && i < MOST_TURNS; i++)
        nanosleep(&glance, NULL);
}
