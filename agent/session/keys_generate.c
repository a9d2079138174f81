/* The methods of io.smimeagent.Keys for a key of one's own making: Generate
 * a request for a CA, Install what the CA returned. */
#include "agent/base/fd.h"
#include "agent/base/limits.h"
#include "agent/base/stream.h"
#include "agent/session/channels.h"
#include "agent/session/json_text.h"
#include "agent/session/keys_written.h"
#include "agent/session/pem.h"

/* ---- Generate ---------------------------------------------------------- */

static const struct algorithm_name {
    const char *name;
    uint32_t type, bits;
} algorithms[] = {
    {"rsa3072", KEY_RSA, 3072}, /* the default */
    {"rsa2048", KEY_RSA, 2048}, {"rsa4096", KEY_RSA, 4096},
    {"p256", KEY_EC, 256},      {"p384", KEY_EC, 384},
    {"p521", KEY_EC, 521},      {"ed25519", KEY_ED25519, 255},
};

static enum err
find_algorithm(struct request *r, const struct algorithm_name **out)
{
    const char *name = request_text(r, "algorithm");

    for (size_t i = 0; i < ARRAY_COUNT(algorithms); i++)
        if (!name || strcmp(algorithms[i].name, name) == 0) {
            *out = &algorithms[i];
            return ERR_OK;
        }
    return fail(&r->problem, ERR_BAD_REQUEST,
                "an algorithm is rsa2048, rsa3072, rsa4096, p256, p384, p521 "
                "or ed25519");
}

enum err
keys_generate(struct request *r, json_t **out)
{
    const struct algorithm_name *algorithm = NULL;
    struct generate_request request = {
        .token = slice_text(request_text(r, "token")),
        .address = slice_text(request_text(r, "address")),
        .name = slice_text(request_text(r, "name"))};
    struct generate_reply reply;
    enum err e = find_algorithm(r, &algorithm);

    if (e == ERR_OK)
        e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));
    if (e != ERR_OK)
        return e;
    request.type = algorithm->type;
    request.bits = algorithm->bits;
    e = keyholder_call(r, MSG_GENERATE, &request, NULL, 0, &reply);
    if (e != ERR_OK)
        return e;
    *out = json_object();
    json_object_set_new(*out, "id", json_hex(reply.id));
    json_object_set_new(*out, "token", json_text(reply.token));
    json_object_set_new(*out, "request",
                        json_pem("CERTIFICATE REQUEST", reply.request));
    return ERR_OK;
}

/* ---- Install ----------------------------------------------------------- */

static enum err
read_bundle(struct request *r, struct certificate_bundle *out)
{
    AUTO(fd) int input = -1;
    AUTO(buf) struct buf file = {0};
    struct stream_fd stream;
    enum err e = request_fd(r, "input", &input);

    if (e != ERR_OK)
        return e;
    stream_fd_init(&stream, input, -1, -1);
    e = stream_read_all(&stream.s, LIMIT_BUNDLE_BYTES, &file, &r->problem);
    if (e == ERR_OK)
        e = certificate_bundle_read(buf_slice(&file), out, &r->problem);
    if (e == ERR_OK && out->bytes.len > LIMIT_INSTALL_BYTES)
        e = fail(&r->problem, ERR_LIMIT, "certificates of more than %d KiB",
                 LIMIT_INSTALL_BYTES / 1024);
    return e;
}

/* The request's own narrowing comes first: what is read is foreign. */
enum err
keys_install(struct request *r, json_t **out)
{
    AUTO(certificate_bundle) struct certificate_bundle bundle = {0};
    struct install_request request = {.token =
                                          slice_text(request_text(r, "token"))};
    struct import_reply reply;
    enum err e = session_narrow(r, VERB_MANAGE, 0, slice_of(NULL, 0));

    if (e == ERR_OK)
        e = read_bundle(r, &bundle);
    for (size_t i = 0; e == ERR_OK && i < bundle.count; i++)
        if (!slice_list_add(&request.certificates, bundle.item[i]))
            bug("more certificates than a list takes");
    if (e == ERR_OK)
        e = keyholder_call(r, MSG_INSTALL, &request, NULL, 0, &reply);
    return e == ERR_OK ? import_report(r, &reply, "installed", out) : e;
}
