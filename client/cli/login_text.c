/* How long a token stays unlocked, in words. */
#include "agent/base/mem.h"
#include "client/cli/cli.h"

#define MINUTE 60
#define HOUR   (60 * MINUTE)

void
note_add(struct buf *out, const char *note)
{
    buf_addf(out, "%s%s", out->len > 0 ? ", " : "", note);
}

/* Down, so that nobody is promised more: "40 s", "14 min", "8 h". */
static void
add_time(struct buf *out, const char *what, const char *tail, int64_t seconds)
{
    bool in_hours = seconds >= 2 * HOUR;
    bool in_minutes = !in_hours && seconds >= 2 * MINUTE;
    int64_t n = in_hours     ? seconds / HOUR
                : in_minutes ? seconds / MINUTE
                             : seconds;

    if (seconds > 0)
        buf_addf(out, "%s%s %lld %s%s", out->len > 0 ? ", " : "", what,
                 (long long)n,
                 in_hours     ? "h"
                 : in_minutes ? "min"
                              : "s",
                 tail);
}

void
login_add_times(json_t *token, struct buf *out)
{
    add_time(out, "locks after", " without use",
             number_of(token, "locks_in_seconds"));
    add_time(out, "PIN kept for", "", number_of(token, "pin_kept_seconds"));
}

void
login_text(json_t *token, struct buf *out)
{
    buf_addf(out, "unlocked");
    login_add_times(token, out);
    if (number_of(token, "locks_in_seconds") == 0)
        note_add(out, "until smime lock or until it is taken out");
}
