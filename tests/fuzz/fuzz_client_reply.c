/*
 * What the client library reads from the agent: one message, whole, with the
 * reply as a JSON object, or a named error with an exit code and a sentence;
 * after anything else the connection is of no further use.
 */
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/lib/client.h"
#include "tests/fuzz/fuzz.h"

static char folder[] = "/tmp/fuzz-client-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static int listener;

static void
clean_up(void)
{
    unlink(address.sun_path);
    rmdir(folder);
}

static void
begin(void)
{
    REQUIRE(mkdtemp(folder));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0);
    REQUIRE(listen(listener, 1) == 0);
    REQUIRE(atexit(clean_up) == 0);
}

static void
check_error(struct smime_error *e)
{
    json_t *facts = e->facts ? json_loads(e->facts, 0, NULL) : NULL;

    REQUIRE(e->name[0] && memchr(e->name, '\0', sizeof(e->name)));
    REQUIRE(e->exit_code > 0 && e->exit_code <= 71);
    REQUIRE(e->message && e->message[0]);
    REQUIRE(!e->facts || json_is_object(facts));
    json_decref(facts);
    smime_error_drop(e);
}

/* The one message that DATA must be for a call to succeed. What is no JSON
 * within its parameters is given as it came. */
static void
check_success(const uint8_t *data, size_t size, const char *out)
{
    json_t *whole, *given = json_loads(out, 0, NULL), *parameters;

    REQUIRE(size > 0 && memchr(data, '\0', size) == data + size - 1);
    REQUIRE(out[0] == '{' && out[strlen(out) - 1] == '}');
    whole = json_loadb((const char *)data, size - 1, 0, NULL);
    if (!whole) {
        REQUIRE(memmem(data, size, out, strlen(out)));
        json_decref(given);
        return;
    }
    parameters = json_object_get(whole, "parameters");
    REQUIRE(json_is_object(whole) && json_is_object(given));
    REQUIRE(!json_is_string(json_object_get(whole, "error")));
    REQUIRE(parameters ? json_equal(parameters, given)
                       : json_object_size(given) == 0);
    json_decref(whole);
    json_decref(given);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct smime_client *c = NULL;
    struct smime_error error = {.exit_code = 0};
    char *out = NULL;
    static bool has_begun;
    bool is_lost;
    int conn;

    if (size > 64 * 1024)
        return 0;
    if (!has_begun)
        begin();
    has_begun = true;
    REQUIRE(smime_client_connect_path(address.sun_path, &c, &error) == 0);
    conn = accept(listener, NULL, NULL);
    REQUIRE(conn >= 0);
    REQUIRE(size == 0 || send(conn, data, size, 0) == (ssize_t)size);
    REQUIRE(shutdown(conn, SHUT_WR) == 0);
    if (smime_client_call(c, "a.b.C", NULL, NULL, 0, 5000, &out, &error) == 0) {
        check_success(data, size, out);
        free(out);
    } else {
        is_lost = strcmp(error.name, "AgentLost") == 0;
        check_error(&error);
        REQUIRE(smime_client_call(c, "a.b.C", NULL, NULL, 0, 5000, &out,
                                  &error) != 0);
        REQUIRE(!is_lost || strcmp(error.name, "AgentLost") == 0);
        check_error(&error);
    }
    smime_client_drop(&c);
    close(conn);
    return 0;
}
