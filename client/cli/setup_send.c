/* smime setup: programs that send, and git. */
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

const char setup_git[] =
    "# To be typed, in any folder; without --global for one repository.\n"
    "git config --global gpg.format x509\n"
    "git config --global gpg.x509.program {smime-git}\n"
    "git config --global commit.gpgSign true\n"
    "git config --global tag.gpgSign true\n"
    "\n"
    "# The key is that of the committer's address. Another one:\n"
    "#git config --global user.signingKey {address}\n";
