/* smime-mutt index: the .index files that mutt chooses keys and certificates
 * from, made of what the agent has. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/base/mem.h"
#include "client/cli/setup.h"
#include "client/mail/mutt.h"

#define NAME_CHARS 16 /* of a fingerprint */

/* ---- asking ----------------------------------------------------------------
 */

static int
list_get(const char *method, const char *member, json_t **out)
{
    AUTO(call) struct call c = {.parameters = NULL};
    json_t *reply = NULL;
    int e;

    call_init(&c);
    e = call_run(&c, SMIME_SOCKET_MAIL, method, &reply);
    if (e == EXIT_DONE)
        *out = json_incref(json_object_get(reply, member));
    json_decref(reply);
    return e;
}

static int
both_get(json_t **out_keys, json_t **out_contacts)
{
    int e = list_get("io.smimeagent.Keys.List", "keys", out_keys);

    return e == EXIT_DONE ? list_get("io.smimeagent.Contacts.List", "contacts",
                                     out_contacts)
                          : e;
}

bool
fingerprint_find(const char *hex, char out[65], char *out_key, size_t key_size)
{
    AUTO(json) json_t *keys = NULL;
    AUTO(json) json_t *contacts = NULL;
    json_t *lists[2], *item;
    const char *found = NULL;
    size_t i, n = strlen(hex);

    if (out_key)
        out_key[0] = '\0';
    if (n < 8 || hex[strspn(hex, "0123456789abcdefABCDEF")] != '\0' ||
        both_get(&keys, &contacts) != EXIT_DONE)
        return false;
    lists[0] = keys;
    lists[1] = contacts;
    for (int k = 0; k < 2; k++)
        json_array_foreach(lists[k], i, item)
        {
            const char *fingerprint = text_of(item, "fingerprint");

            if (strncasecmp(fingerprint, hex, n) != 0)
                continue;
            if (found && strcmp(found, fingerprint) != 0)
                return false;
            found = fingerprint;
            if (k == 0 && out_key)
                snprintf(out_key, key_size, "%s", text_of(item, "uri"));
        }
    if (found)
        snprintf(out, 65, "%s", found);
    return found != NULL;
}

/* ---- lines -----------------------------------------------------------------
 */

/* What mutt reads as one word; nothing in it is for a shell. */
static bool
is_word(const char *address)
{
    for (const char *at = address; *at; at++)
        if ((unsigned char)*at <= 0x20 || *at == 0x7f)
            return false;
    return strchr(address, '@') != NULL;
}

/* mailbox, name, label, issuer, trust, purpose. */
static void
line_add(struct buf *out, const char *address, const char *fingerprint,
         char trust, const char *purpose)
{
    if (is_word(address) && strlen(fingerprint) >= NAME_CHARS)
        buf_addf(out, "%s %.*s - ? %c %s\n", address, NAME_CHARS, fingerprint,
                 trust, purpose);
}

static bool
has_use(json_t *key, const char *use)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(key, "uses"), i, one)
    {
        const char *word = json_string_value(one);

        if (word && strcmp(word, use) == 0)
            return true;
    }
    return false;
}

static void
key_add(struct buf *out, json_t *key)
{
    char trust = strcmp(text_of(key, "state"), "ok") == 0 ? 't' : 'e';
    char purpose[3] = "";
    json_t *address;
    size_t i;

    if (has_use(key, "sign"))
        strcat(purpose, "s");
    if (has_use(key, "decrypt"))
        strcat(purpose, "e");
    json_array_foreach(json_object_get(key, "addresses"), i, address)
        line_add(out, json_string_value(address), text_of(key, "fingerprint"),
                 trust, purpose);
}

/* The one to write to when a contact has several: pinned, else the newest. */
static bool
is_better(json_t *one, json_t *other)
{
    bool pinned = strcmp(text_of(one, "state"), "pinned") == 0;
    bool other_pinned = strcmp(text_of(other, "state"), "pinned") == 0;

    if (pinned != other_pinned)
        return pinned;
    return number_of(one, "not_before") > number_of(other, "not_before");
}

static bool
is_best(json_t *contacts, json_t *contact)
{
    json_t *other;
    size_t i;

    json_array_foreach(contacts, i, other)
    {
        if (other != contact && flag_of(other, "can_encrypt") &&
            strcasecmp(text_of(other, "address"),
                       text_of(contact, "address")) == 0 &&
            is_better(other, contact))
            return false;
    }
    return true;
}

static void
contacts_write(struct buf *out, json_t *contacts)
{
    json_t *contact;
    size_t i;

    json_array_foreach(contacts, i, contact)
    {
        if (flag_of(contact, "can_encrypt") && is_best(contacts, contact))
            line_add(out, text_of(contact, "address"),
                     text_of(contact, "fingerprint"), 't', "es");
    }
}

/* ---- files -----------------------------------------------------------------
 */

/* Beside it first, then over it: mutt never reads half of one. */
static int
file_replace(const char *folder, const char *name, const struct buf *text)
{
    char path[PATH_MAX], aside[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", folder, name);
    AUTO(fd) int fd = -1;

    snprintf(aside, sizeof(aside), "%s/.new.%d", folder, (int)getpid());
    if (n < 0 || (size_t)n + 24 >= sizeof(aside))
        return failure_say(EXIT_OUTPUT, NULL, "%s is too long", folder);
    fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd >= 0 && fd_write_all(fd, text->data, text->len) &&
        rename(aside, path) == 0)
        return EXIT_DONE;
    (void)failure_say(EXIT_OUTPUT, "make room, or check the permissions",
                      "%s cannot be written: %s", path, strerror(errno));
    (void)unlink(aside);
    return EXIT_OUTPUT;
}

static bool
folder_make(const char *path)
{
    char copy[PATH_MAX];

    snprintf(copy, sizeof(copy), "%s/", path);
    for (char *at = strchr(copy + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(copy, 0700) != 0 && errno != EEXIST)
            return false;
        *at = '/';
    }
    return true;
}

static int
place_write(const char *below, const char *name, const struct buf *text)
{
    AUTO(buf) struct buf folder = {0};

    setup_data_folder(&folder);
    buf_addf(&folder, "/mutt%s", below);
    if (!folder_make(buf_text(&folder)))
        return failure_say(EXIT_OUTPUT, "check the permissions",
                           "%s cannot be made: %s", buf_text(&folder),
                           strerror(errno));
    return file_replace(buf_text(&folder), name, text);
}

/* mutt does not know encryption with an authenticated cipher (RFC 5083): it
 * shows such a part as any other attachment. */
static void
mailcap_add(struct buf *out)
{
    buf_add_text(out, "application/pkcs7-mime; ");
    setup_program(out, "smime");
    buf_add_text(out, " open %s 2>&1; copiousoutput; "
                      "test=test %{smime-type} = authEnveloped-data\n");
}

int
index_write(void)
{
    AUTO(json) json_t *keys = NULL;
    AUTO(json) json_t *contacts = NULL;
    AUTO(buf) struct buf own = {0};
    AUTO(buf) struct buf all = {0};
    AUTO(buf) struct buf mailcap = {0};
    json_t *key;
    size_t i;
    int e = both_get(&keys, &contacts);

    if (e != EXIT_DONE)
        return e;
    json_array_foreach(keys, i, key) key_add(&own, key);
    buf_add_slice(&all, buf_slice(&own));
    contacts_write(&all, contacts);
    e = place_write("/keys", ".index", &own);
    if (e == EXIT_DONE)
        e = place_write("/certificates", ".index", &all);
    mailcap_add(&mailcap);
    return e == EXIT_DONE ? place_write("", "mailcap", &mailcap) : e;
}

static int
run_index(const struct arguments *a)
{
    (void)a;
    return index_write();
}

const struct command mutt_index = {
    .name = "index",
    .summary = "bring mutt's lists of keys and certificates up to date",
    .usage = "index",
    .help = "Writes the .index files anew, from the agent's keys and "
            "contacts.\n",
    .run = run_index,
};
