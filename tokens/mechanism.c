/* What a token can do, asked once. */
#include "tokens/internal.h"

bool
mechanism_known(struct token *t, CK_MECHANISM_TYPE m, bool *out_has)
{
    pthread_mutex_lock(&t->mutex);
    bool known = t->mechanisms != NULL;
    *out_has = false;
    for (size_t i = 0; i < t->mechanism_count; i++)
        *out_has = *out_has || t->mechanisms[i] == m;
    pthread_mutex_unlock(&t->mutex);
    return known;
}

bool
token_has_mechanism(struct hold *h, CK_MECHANISM_TYPE m)
{
    struct token *t = h->token;
    bool has = false;
    CK_ULONG n = 0;

    if (mechanism_known(t, m, &has))
        return has;
    if (CALL(h, C_GetMechanismList, h->slot, NULL, &n) || n > LIMIT_MECHANISMS)
        return false;
    CK_ULONG room = n;
    CK_MECHANISM_TYPE *all = calloc(n + 1, sizeof(*all));
    if (!all || CALL(h, C_GetMechanismList, h->slot, all, &n)) {
        free(all);
        return false;
    }
    if (n > room)
        n = room; /* it claims to have written more than there was room for */
    bool found = false;
    for (CK_ULONG i = 0; i < n; i++)
        found = found || all[i] == m;
    pthread_mutex_lock(&t->mutex);
    free(t->mechanisms);
    t->mechanisms = all;
    t->mechanism_count = n;
    pthread_mutex_unlock(&t->mutex);
    return found;
}
