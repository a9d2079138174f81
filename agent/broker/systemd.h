/*
 * What systemd says and wants to hear: sockets it opened for us, and that we
 * are ready. Its two protocols are a few environment variables and one
 * datagram, so no library is needed. See sd_listen_fds(3), sd_notify(3).
 */
#ifndef AGENT_BROKER_SYSTEMD_H
#define AGENT_BROKER_SYSTEMD_H

/* The listening stream socket that systemd passed under NAME (its
 * FileDescriptorName), close-on-exec; -1 when there is none. Gives. */
int systemd_socket(const char *name);

/* Tells the service manager, if there is one, e.g. "READY=1". */
void systemd_notify(const char *state);

/* Takes the variables out of the environment, so that no child believes
 * they are for it. systemd_notify still works. */
void systemd_forget(void);

#endif
