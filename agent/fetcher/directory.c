#include "agent/fetcher/directory.h"

#include <lber.h>
#include <ldap.h>
#include <openldap.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>
#include <unistd.h>

#include "agent/base/fd.h"
#include "agent/fetcher/deadline.h"
#include "agent/fetcher/directory_parts.h"

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

char directory_smime_wanted[] = "userSMIMECertificate;binary";
char directory_smime_plain[] = "userSMIMECertificate";
char directory_certificate_wanted[] = "userCertificate;binary";
static char certificate_plain[] = "userCertificate";

/* ---- outcomes ------------------------------------------------------------ */

enum directory_state
outcome_set(struct outcome *o, enum directory_state state, const char *detail,
            ...)
{
    va_list args;

    va_start(args, detail);
    vsnprintf(o->detail, sizeof(o->detail), detail, args);
    va_end(args);
    o->state = state;
    return state;
}

bool
outcome_is_of_server(enum directory_state state)
{
    return state == DIRECTORY_SILENT || state == DIRECTORY_UNREACHABLE ||
           state == DIRECTORY_WRONG || state == DIRECTORY_TLS ||
           state == DIRECTORY_REFERRED;
}

static enum directory_state
state_of(int rc)
{
    switch (rc) {
    case LDAP_SUCCESS:
        return DIRECTORY_OK;
    case LDAP_TIMEOUT:
    case LDAP_TIMELIMIT_EXCEEDED:
        return DIRECTORY_SILENT;
    case LDAP_SERVER_DOWN:
    case LDAP_UNAVAILABLE:
    case LDAP_BUSY:
        return DIRECTORY_UNREACHABLE;
    case LDAP_CONNECT_ERROR:
        return DIRECTORY_TLS;
    case LDAP_REFERRAL:
    case LDAP_PARTIAL_RESULTS:
        return DIRECTORY_REFERRED;
    case LDAP_SIZELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
        return DIRECTORY_TOO_MUCH;
    case LDAP_INVALID_CREDENTIALS:
        return DIRECTORY_CREDENTIALS;
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_INAPPROPRIATE_AUTH:
    case LDAP_STRONG_AUTH_REQUIRED:
    case LDAP_CONFIDENTIALITY_REQUIRED:
        return DIRECTORY_NO_RIGHTS;
    case LDAP_NO_SUCH_OBJECT:
        return DIRECTORY_NO_ENTRY;
    case LDAP_FILTER_ERROR:
    case LDAP_INVALID_DN_SYNTAX:
        return DIRECTORY_MISCONFIGURED;
    default:
        return rc < 0 ? DIRECTORY_WRONG : DIRECTORY_REFUSED;
    }
}

enum directory_state
directory_fail(const struct directory *d, int rc, const char *doing,
               struct outcome *o)
{
    char *more = NULL;
    enum directory_state state = state_of(rc);

    if (deadline_is_over() || state == DIRECTORY_SILENT)
        return outcome_set(o, DIRECTORY_SILENT,
                           "%s: it did not answer in time (%s)", d->server->url,
                           doing);
    (void)ldap_get_option(d->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
    (void)outcome_set(o, state, "%s: %s: %s%s%s", d->server->url, doing,
                      ldap_err2string(rc), more && more[0] ? ": " : "",
                      more ? more : "");
    ldap_memfree(more);
    return state;
}

/* ---- opening ------------------------------------------------------------- */

static bool
wants_tls(const struct directory_config *c)
{
    for (size_t i = 0; i < c->url_count; i++)
        if (strncasecmp(c->url[i], "ldaps:", 6) == 0)
            return true;
    return c->start_tls;
}

/* The context is made here, so that its files are read before the sandbox;
 * every handle inherits it. */
static enum err
tls_prepare(const struct directory_config *c, struct problem *p)
{
    const char *roots = c->ca ? c->ca : SYSTEM_ROOTS;
    int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
    int least = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;

    if (!wants_tls(c))
        return ERR_OK;
    if (access(roots, R_OK) != 0)
        return fail(p, ERR_DIRECTORY_TLS, "[directory] ca: %s cannot be read%s",
                    roots, c->ca ? "" : ", it is of Debian's ca-certificates");
    if (ldap_set_option(NULL, LDAP_OPT_X_TLS_CACERTFILE, roots) != 0 ||
        ldap_set_option(NULL, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) != 0 ||
        ldap_set_option(NULL, LDAP_OPT_X_TLS_PROTOCOL_MIN, &least) != 0 ||
        ldap_set_option(NULL, LDAP_OPT_X_TLS_NEWCTX, &client) != 0)
        return fail(p, ERR_DIRECTORY_TLS, "[directory] ca: %s holds no roots",
                    roots);
    return ERR_OK;
}

/* The first handle makes libldap look for this machine's own name. */
enum err
directory_prepare(const struct directory_config *c, struct problem *p)
{
    LDAP *first = NULL;

    if (ldap_initialize(&first, NULL) != LDAP_SUCCESS)
        return fail(p, ERR_DIRECTORY, "libldap cannot be used");
    (void)ldap_unbind_ext(first, NULL, NULL);
    return tls_prepare(c, p);
}

/* No referral is followed: it would name a host that nobody configured. */
static bool
handle_bound(LDAP *ld)
{
    int version = LDAP_VERSION3, deref = LDAP_DEREF_NEVER;
    int entries = LIMIT_DIRECTORY_ENTRIES;
    ber_len_t most = LIMIT_DIRECTORY_MESSAGE_BYTES;
    struct timeval left = {.tv_sec = deadline_left_ms() / 1000 + 1};
    Sockbuf *sb = NULL;

    return ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) == 0 &&
           ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) == 0 &&
           ldap_set_option(ld, LDAP_OPT_DEREF, &deref) == 0 &&
           ldap_set_option(ld, LDAP_OPT_SIZELIMIT, &entries) == 0 &&
           ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &left) == 0 &&
           ldap_set_option(ld, LDAP_OPT_TIMEOUT, &left) == 0 &&
           ldap_get_option(ld, LDAP_OPT_SOCKBUF, &sb) == 0 && sb &&
           ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &most) == 1;
}

int
directory_wait_result(struct directory *d, int msgid)
{
    int left = deadline_left_ms();
    struct timeval tv = {.tv_sec = left / 1000,
                         .tv_usec = (left % 1000) * 1000};
    LDAPMessage *answer = NULL;
    int code = LDAP_SERVER_DOWN, rc;

    rc = ldap_result(d->ld, msgid, LDAP_MSG_ALL, &tv, &answer);
    if (rc == 0)
        return LDAP_TIMEOUT;
    if (rc < 0) {
        (void)ldap_get_option(d->ld, LDAP_OPT_RESULT_CODE, &code);
        return code == LDAP_SUCCESS ? LDAP_SERVER_DOWN : code;
    }
    rc = ldap_parse_result(d->ld, answer, &code, NULL, NULL, NULL, NULL, 1);
    return rc == LDAP_SUCCESS ? code : rc;
}

/* LDAP_SUCCESS, or why there is no TLS; anything else is LDAP_CONNECT_ERROR,
 * for whom one must not trust one must not talk to. */
static int
tls_start(struct directory *d)
{
    int msgid = 0, rc;

    if (!d->server->tls) {
        rc = ldap_start_tls(d->ld, NULL, NULL, &msgid);
        if (rc == LDAP_SUCCESS)
            rc = directory_wait_result(d, msgid);
        if (rc != LDAP_SUCCESS)
            return rc;
    }
    rc = ldap_install_tls(d->ld);
    if (rc == LDAP_SUCCESS && !ldap_tls_inplace(d->ld))
        rc = LDAP_CONNECT_ERROR;
    return rc == LDAP_SUCCESS ? rc : LDAP_CONNECT_ERROR;
}

static enum directory_state
open_on(const struct directory_config *c, struct directory *d,
        struct outcome *o)
{
    int rc = ldap_init_fd(d->fd, LDAP_PROTO_TCP, d->server->url, &d->ld);

    if (rc != LDAP_SUCCESS)
        return outcome_set(o, DIRECTORY_MISCONFIGURED, "%s: %s", d->server->url,
                           ldap_err2string(rc));
    if (!handle_bound(d->ld))
        return outcome_set(o, DIRECTORY_MISCONFIGURED,
                           "%s: this libldap cannot be bounded",
                           d->server->url);
    if (!d->server->tls && !c->start_tls)
        return DIRECTORY_OK;
    rc = tls_start(d);
    if (rc != LDAP_CONNECT_ERROR || deadline_is_over())
        return rc == LDAP_SUCCESS ? DIRECTORY_OK
                                  : directory_fail(d, rc, "TLS", o);
    return outcome_set(o, DIRECTORY_TLS,
                       "%s: no TLS, or its certificate has expired, is not for "
                       "this name, or not from a root in %s",
                       d->server->url, c->ca ? c->ca : SYSTEM_ROOTS);
}

enum directory_state
directory_open(const struct directory_config *c, const struct server *s, int ms,
               struct directory *out, struct outcome *o)
{
    struct directory d = {.server = s};
    const char *why = NULL;
    enum directory_state state;
    int64_t end = clock_ms() + ms;

    d.fd = server_connect(s, ms, &why);
    if (d.fd < 0)
        return outcome_set(o, DIRECTORY_UNREACHABLE, "%s: %s", s->url, why);
    deadline_start(d.fd, (int)(end - clock_ms()));
    state = open_on(c, &d, o);
    if (state != DIRECTORY_OK)
        directory_drop(&d);
    else
        *out = d;
    return state;
}

/* The handle owns the descriptor once there is one. */
void
directory_drop(struct directory *d)
{
    if (d->ld)
        (void)ldap_unbind_ext(d->ld, NULL, NULL);
    else
        fd_drop(&d->fd);
    d->ld = NULL;
    d->fd = -1;
    (void)deadline_end();
}

enum directory_state
directory_bind(struct directory *d, const char *dn, struct slice password,
               struct outcome *o)
{
    struct berval secret = {.bv_len = password.n,
                            .bv_val = (char *)(uintptr_t)password.p};
    int msgid = 0, rc;

    if (!ldap_tls_inplace(d->ld) && !d->server->local)
        return outcome_set(o, DIRECTORY_MISCONFIGURED,
                           "%s: a password would travel for all to read; set "
                           "start-tls = yes, or an ldaps:// url",
                           d->server->url);
    if (password.n == 0)
        return outcome_set(o, DIRECTORY_CREDENTIALS, "the password is empty");
    rc = ldap_sasl_bind(d->ld, dn, LDAP_SASL_SIMPLE, &secret, NULL, NULL,
                        &msgid);
    if (rc == LDAP_SUCCESS)
        rc = directory_wait_result(d, msgid);
    /* No such entry: servers that tell give away who exists. */
    if (rc == LDAP_NO_SUCH_OBJECT)
        rc = LDAP_INVALID_CREDENTIALS;
    return rc == LDAP_SUCCESS ? DIRECTORY_OK : directory_fail(d, rc, "bind", o);
}

/* ---- searching ----------------------------------------------------------- */

struct searching {
    struct directory *d;
    directory_visit *visit;
    void *ctx;
    size_t entries;
    size_t bytes;
};

/* Without the options behind ";". */
static bool
is_named(const char *attribute, const char *name)
{
    size_t n = strcspn(attribute, ";");

    return n == strlen(name) && strncasecmp(attribute, name, n) == 0;
}

/* Values beyond the limit are passed over. */
static size_t
visit_values(struct searching *s, LDAPMessage *entry, const char *dn,
             char *attribute, bool is_smime)
{
    struct berval **values = ldap_get_values_len(s->d->ld, entry, attribute);
    struct directory_value v = {
        .entry = s->entries, .dn = dn, .is_smime = is_smime};
    size_t n = 0;

    for (; values && values[n] && n < LIMIT_DIRECTORY_VALUES; n++) {
        v.bytes = slice_of(values[n]->bv_val, values[n]->bv_len);
        s->visit(s->ctx, &v);
    }
    ldap_value_free_len(values);
    return n;
}

static void
visit_entry(struct searching *s, LDAPMessage *entry)
{
    char *dn = ldap_get_dn(s->d->ld, entry);
    struct directory_value none = {.entry = s->entries, .dn = dn ? dn : ""};
    BerElement *at = NULL;
    size_t n = 0;

    for (char *a = ldap_first_attribute(s->d->ld, entry, &at); a;
         a = ldap_next_attribute(s->d->ld, entry, at)) {
        if (is_named(a, directory_smime_plain))
            n += visit_values(s, entry, none.dn, a, true);
        else if (is_named(a, certificate_plain))
            n += visit_values(s, entry, none.dn, a, false);
        ldap_memfree(a);
    }
    if (n == 0)
        s->visit(s->ctx, &none);
    ber_free(at, 0);
    ldap_memfree(dn);
    s->entries++;
}

/* True when there is more to come. */
static bool
take_message(struct searching *s, LDAPMessage *m, enum directory_state *state,
             struct outcome *o)
{
    int code = LDAP_DECODING_ERROR, rc;

    switch (ldap_msgtype(m)) {
    case LDAP_RES_SEARCH_ENTRY:
        if (s->entries == LIMIT_DIRECTORY_ENTRIES)
            break;
        visit_entry(s, m);
        return true;
    case LDAP_RES_SEARCH_REFERENCE: /* says that others may know more */
    case LDAP_RES_INTERMEDIATE:
        return true;
    case LDAP_RES_SEARCH_RESULT:
        rc = ldap_parse_result(s->d->ld, m, &code, NULL, NULL, NULL, NULL, 0);
        if (rc != LDAP_SUCCESS)
            code = rc;
        *state = code == LDAP_SUCCESS ? DIRECTORY_OK
                                      : directory_fail(s->d, code, "search", o);
        if (*state != DIRECTORY_TOO_MUCH)
            return false;
        break;
    default:
        *state = directory_fail(s->d, LDAP_DECODING_ERROR, "search", o);
        return false;
    }
    *state = outcome_set(o, DIRECTORY_TOO_MUCH,
                         "%s: more than %d entries have this address",
                         s->d->server->url, LIMIT_DIRECTORY_ENTRIES);
    return false;
}

static enum directory_state
take_messages(struct searching *s, int msgid, struct outcome *o)
{
    enum directory_state state = DIRECTORY_OK;
    bool more = true;

    while (more) {
        int left = deadline_left_ms();
        struct timeval tv = {.tv_sec = left / 1000,
                             .tv_usec = (left % 1000) * 1000};
        LDAPMessage *m = NULL;
        int rc = ldap_result(s->d->ld, msgid, LDAP_MSG_ONE, &tv, &m);
        int code = LDAP_SERVER_DOWN;

        if (rc < 0)
            (void)ldap_get_option(s->d->ld, LDAP_OPT_RESULT_CODE, &code);
        if (rc <= 0)
            return directory_fail(s->d, rc == 0 ? LDAP_TIMEOUT : code, "search",
                                  o);
        more = take_message(s, m, &state, o);
        ldap_msgfree(m);
    }
    return state;
}

/* An LDAP URL may name it as well (RFC 4516). */
static const char *
base_of(const struct directory *d, const struct directory_config *c)
{
    const char *of_url = d->server->parts->lud_dn;

    return c->base ? c->base : of_url ? of_url : "";
}

enum directory_state
directory_search(struct directory *d, const struct directory_config *c,
                 const char *filter, directory_visit *visit, void *ctx,
                 struct outcome *o)
{
    struct searching s = {.d = d, .visit = visit, .ctx = ctx};
    char *wanted[] = {directory_smime_wanted, directory_smime_plain,
                      directory_certificate_wanted, certificate_plain, NULL};
    struct timeval left = {.tv_sec = deadline_left_ms() / 1000 + 1};
    int msgid = 0;
    int rc = ldap_search_ext(d->ld, base_of(d, c), LDAP_SCOPE_SUBTREE, filter,
                             wanted, 0, NULL, NULL, &left,
                             LIMIT_DIRECTORY_ENTRIES, &msgid);

    if (rc != LDAP_SUCCESS)
        return directory_fail(d, rc, "search", o);
    return take_messages(&s, msgid, o);
}

enum directory_state
directory_ping(struct directory *d, const struct directory_config *c,
               struct outcome *o)
{
    char nothing[] = LDAP_NO_ATTRS;
    char *wanted[] = {nothing, NULL};
    int msgid = 0;
    int rc = ldap_search_ext(d->ld, base_of(d, c), LDAP_SCOPE_BASE,
                             "(objectClass=*)", wanted, 0, NULL, NULL, NULL, 1,
                             &msgid);

    if (rc == LDAP_SUCCESS)
        rc = directory_wait_result(d, msgid);
    return rc == LDAP_SUCCESS ? DIRECTORY_OK
                              : directory_fail(d, rc, "search", o);
}
