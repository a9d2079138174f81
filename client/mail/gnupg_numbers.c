#include "client/mail/gnupg_numbers.h"

#include <string.h>

int
gnupg_key_number(const char *key, bool signs)
{
    if (strncmp(key, "RSA", 3) == 0)
        return 1;
    if (strncmp(key, "Ed", 2) == 0)
        return 303;
    if (strncmp(key, "X25519", 6) == 0)
        return 302;
    if (key[0] == '\0' || strcmp(key, "unknown") == 0)
        return 0;
    return signs ? 301 : 302; /* by the name of its curve */
}

int
gnupg_digest_number(const char *digest)
{
    if (strstr(digest, "512"))
        return 10;
    if (strstr(digest, "384"))
        return 9;
    if (strstr(digest, "256"))
        return 8;
    return strstr(digest, "1") ? 2 : 0;
}
