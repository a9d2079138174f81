#include "agent/session/keyholder_list.h"

enum err
keyholder_list(struct request *r, enum message m, keyholder_record *each,
               void *arg)
{
    struct page page = {.cursor = 0};
    struct list_reply reply;

    do {
        enum err e = keyholder_call(r, m, &page, NULL, 0, &reply);

        for (size_t i = 0; e == ERR_OK && i < reply.records.n; i++)
            e = each(r, reply.records.item[i], arg);
        if (e != ERR_OK)
            return e;
        page.cursor = reply.next;
    } while (page.cursor != 0);
    return ERR_OK;
}
