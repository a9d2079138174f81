#include <string.h>
#include <time.h>

#include "agent/base/mem.h"
#include "client/cli/cli.h"

static const struct option_row options[] = {{"json", OPTION_FLAG},
                                            {"learn", OPTION_FLAG},
                                            {"at", OPTION_VALUE},
                                            {NULL, OPTION_FLAG}};

/* The offset after the seconds: "Z", "+01:00". Gives false for anything
 * else. */
static bool
offset_read(const char *text, long *out_seconds)
{
    int hours, minutes, used = 0;
    char sign;

    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0) {
        *out_seconds = 0;
        return true;
    }
    if (sscanf(text, "%c%2d:%2d%n", &sign, &hours, &minutes, &used) != 3 ||
        text[used] != '\0' || (sign != '+' && sign != '-') || hours > 23 ||
        minutes > 59 || hours < 0 || minutes < 0)
        return false;
    *out_seconds = (hours * 60L + minutes) * 60 * (sign == '-' ? -1 : 1);
    return true;
}

/* RFC 3339, section 5.6. A bare date is its first second in UTC. */
static bool
moment_read(const char *text, int64_t *out)
{
    struct tm parts = {.tm_isdst = 0};
    const char *rest = strptime(text, "%Y-%m-%d", &parts);
    long offset = 0;

    if (!rest)
        return false;
    if (*rest != '\0') {
        if (*rest != 'T' && *rest != 't' && *rest != ' ')
            return false;
        rest = strptime(rest + 1, "%H:%M:%S", &parts);
        if (!rest)
            return false;
        if (*rest == '.')
            rest += 1 + strspn(rest + 1, "0123456789");
        if (!offset_read(rest, &offset))
            return false;
    }
    *out = (int64_t)timegm(&parts) - offset;
    return *out >= 0;
}

static int
run(const struct arguments *a)
{
    AUTO(call) struct call c = {.parameters = NULL};
    AUTO(json) json_t *reply = NULL;
    json_t *report;
    const char *at = arguments_value(a, "at");
    int64_t moment;
    int e;

    call_init(&c);
    if (at && !moment_read(at, &moment))
        return usage_error(a->command,
                           "--at wants a time like 2026-01-02T10:00:00Z, not "
                           "%s",
                           at);
    if (at)
        call_set_number(&c, "at", moment);
    call_set_flag(&c, "learn", arguments_flag(a, "learn"));
    call_set_text(&c, "origin", a->operand[0]);
    e = call_set_input(&c, a->operand[0]);
    if (e == EXIT_DONE)
        e = call_run(&c, SMIME_SOCKET_MAIL, "io.smimeagent.Mail.Verify",
                     &reply);
    if (e != EXIT_DONE)
        return e;
    report = json_object_get(reply, "report");
    if (arguments_flag(a, "json"))
        e = show_json(stdout, reply);
    else
        report_say(stdout, report);
    if (e != EXIT_DONE)
        return e;
    return output_finish(flag_of(report, "good") ? EXIT_DONE : EXIT_NO);
}

const struct command command_verify = {
    .name = "verify",
    .summary = "judge the signature of a message",
    .usage = "verify [--json] [--learn] [--at TIME] [FILE]",
    .help = "Ends with 0 when the message is signed by its sender and all is "
            "well, else\nwith 1.\n"
            "\n"
            "  --json      the whole report\n"
            "  --learn     keep the sender's certificate as a contact\n"
            "  --at TIME   judge as of then, e.g. 2026-01-02T10:00:00Z\n",
    .options = options,
    .most_operands = 1,
    .run = run,
};
