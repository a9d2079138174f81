/* smime setup: programs that send. */
#include "client/cli/setup.h"

const char setup_sendmail[] =
    "# ~/.config/smime-agent/agent.conf: what becomes of outgoing mail. The\n"
    "# command is what sends it in truth; msmtp, or\n"
    "#   command = /usr/sbin/sendmail        of Postfix or Exim\n"
    "#   command = maildir:/home/me/outbox   to look at it first\n"
    "# sign and encrypt: always, when-possible, never.\n"
    "[sendmail]\n"
    "command = /usr/bin/msmtp\n"
    "sign = always\n"
    "encrypt = when-possible\n"
    "\n"
    "# Rules for some: an address, or @example.org.\n"
    "#[sendmail to @example.org]\n"
    "#encrypt = always\n"
    "\n"
    "# In the program that sends, for sendmail's place:\n"
    "#   mutt, NeoMutt   set sendmail = \"{smime-sendmail} -oem -oi\"\n"
    "#   git             git config --global sendemail.smtpServer \\\n"
    "#                       \"$(command -v {smime-sendmail})\"\n"
    "#   s-nail          set mta={smime-sendmail}\n"
    "#   aerc            outgoing = {smime-sendmail}\n";
