/* The connections to the agent, and what its errors mean. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/lib/client.h"
#include "client/pkcs11/module.h"

/* A session of the agent serves one key, so that a program with a few keys
 * has a connection for each of them. */
#define IDLE_CONNECTIONS 4
#define KEY_BYTES        256

#define LIST_MS 20000
#define WORK_MS 310000 /* a person may be asked */

struct connection {
    struct smime_client *client;
    char key[KEY_BYTES]; /* that its last request was about; "" none */
    int64_t since_ms;    /* it waits */
};

static struct connection idle[IDLE_CONNECTIONS];

int64_t
clock_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void
agent_drop(void)
{
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
        smime_client_drop(&idle[i].client);
    memset(idle, 0, sizeof(idle));
}

/* Closing ends nothing for the parent: it has the same socket. */
void
agent_abandon(void)
{
    agent_drop();
}

/* Takes the idle one whose session has this key already. Where there is none
 * a fresh one is better than to take another key's away, until there are
 * enough of them; then the one that waits for longest. */
static bool
connection_take(const char *key, struct connection *out)
{
    size_t best = IDLE_CONNECTIONS;
    bool has_room = false, is_same = false;

    for (size_t i = 0; i < IDLE_CONNECTIONS && !is_same; i++) {
        is_same = idle[i].client && strcmp(idle[i].key, key) == 0;
        has_room = has_room || !idle[i].client;
        if (is_same ||
            (idle[i].client && (best == IDLE_CONNECTIONS ||
                                idle[i].since_ms < idle[best].since_ms)))
            best = i;
    }
    if (!is_same && has_room)
        return false;
    *out = idle[best];
    idle[best].client = NULL;
    return true;
}

static void
connection_give(struct connection *c)
{
    for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
        if (!idle[i].client) {
            c->since_ms = clock_now_ms();
            idle[i] = *c;
            c->client = NULL;
            return;
        }
    smime_client_drop(&c->client);
}

/* ---- errors -------------------------------------------------------------- */

CK_RV
agent_error(const char *name)
{
    static const struct {
        const char *name;
        CK_RV rv;
    } table[] = {
        {"NotReachable", CKR_DEVICE_REMOVED},
        {"AgentLost", CKR_DEVICE_REMOVED},
        {"TokenAbsent", CKR_DEVICE_REMOVED},
        {"TokenRemoved", CKR_DEVICE_REMOVED},
        {"NoKey", CKR_KEY_HANDLE_INVALID},
        {"TokenLocked", CKR_USER_NOT_LOGGED_IN},
        {"PinEachTime", CKR_FUNCTION_REJECTED},
        {"PinWrong", CKR_PIN_INCORRECT},
        {"PinInvalid", CKR_PIN_LEN_RANGE},
        {"PinBlocked", CKR_PIN_LOCKED},
        {"PinExpired", CKR_PIN_EXPIRED},
        {"LastTry", CKR_PIN_LOCKED},
        {"Cancelled", CKR_FUNCTION_CANCELED},
        {"Refused", CKR_FUNCTION_REJECTED},
        {"NoPrompt", CKR_FUNCTION_REJECTED},
        {"NotAllowed", CKR_FUNCTION_REJECTED},
        {"CannotDecrypt", CKR_ENCRYPTED_DATA_INVALID},
        {"BadMessage", CKR_DATA_INVALID},
        {"InvalidRequest", CKR_ARGUMENTS_BAD},
        {"InvalidParameter", CKR_ARGUMENTS_BAD},
        {"TokenCannot", CKR_MECHANISM_INVALID},
        {"TokenNotInitialized", CKR_DEVICE_ERROR},
        {"TokenBusy", CKR_DEVICE_ERROR},
        {"TokenHung", CKR_DEVICE_ERROR},
        {"TokenFailed", CKR_DEVICE_ERROR},
        {"TokenSignatureWrong", CKR_DEVICE_ERROR},
        {"KeyholderLost", CKR_DEVICE_ERROR},
    };

    for (size_t i = 0; i < COUNT_OF(table); i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].rv;
    return CKR_GENERAL_ERROR;
}

static bool
is_lost(const struct smime_error *error)
{
    return strcmp(error->name, "AgentLost") == 0;
}

/* ---- calling ------------------------------------------------------------- */

/* Without the lock. A connection that waited may be one to an agent that was
 * started anew meanwhile, or was closed to make room: then, once, a fresh one.
 * What was asked has no effect that could come twice. */
static CK_RV
call(struct connection *c, const char *method, json_t *parameters, int most_ms,
     json_t **out)
{
    bool waited = c->client != NULL;

    for (;;) {
        struct smime_error error = {.exit_code = 0};
        bool again;
        CK_RV rv;

        if (!c->client &&
            smime_client_connect(SMIME_SOCKET_RAW, &c->client, &error) != 0) {
            smime_error_drop(&error);
            return CKR_DEVICE_REMOVED;
        }
        if (client_call_json(c->client, method, parameters, NULL, 0, most_ms,
                             out, &error) == 0)
            return CKR_OK;
        rv = agent_error(error.name);
        again = is_lost(&error) && waited;
        if (is_lost(&error))
            smime_client_drop(&c->client);
        smime_error_drop(&error);
        if (!again)
            return rv;
        waited = false;
    }
}

CK_RV
agent_call(const char *method, json_t *parameters, const char *key,
           json_t **out)
{
    uint64_t generation = module.generation;
    struct connection c = {.client = NULL};
    json_t *reply = NULL;
    CK_RV rv;

    if (!parameters)
        return CKR_HOST_MEMORY;
    (void)connection_take(key ? key : "", &c);
    module_leave();
    snprintf(c.key, sizeof(c.key), "%s", key ? key : "");
    rv = call(&c, method, parameters, key ? WORK_MS : LIST_MS, &reply);
    json_decref(parameters);
    if (!module_lock() || module.generation != generation) {
        smime_client_drop(&c.client);
        json_decref(reply);
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    if (c.client)
        connection_give(&c);
    if (rv == CKR_OK)
        *out = reply;
    return rv;
}
