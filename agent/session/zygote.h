/*
 * The zygote: warm, confined, forks a session for each that the broker
 * asks for. It reads no mail and holds nothing but its channel.
 */
#ifndef AGENT_SESSION_ZYGOTE_H
#define AGENT_SESSION_ZYGOTE_H

/* Touches everything that a session needs and that its sandbox would
 * refuse to fetch (warm.c). */
void zygote_warm_up(void);

/* Says MSG_READY on CTL and serves MSG_FORK until the broker is gone; gives
 * the process's exit code. Comes back in the zygote only. */
int zygote_run(int ctl);

#endif
