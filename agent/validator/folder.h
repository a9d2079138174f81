/*
 * Folders that a person fills with files: what fits in them, whether
 * something came, went or changed, and which files could not be read. Runs
 * in smime-validator, which only reads; decides nothing about trust.
 */
#ifndef AGENT_VALIDATOR_FOLDER_H
#define AGENT_VALIDATOR_FOLDER_H

#include "agent/base/err.h"
#include "agent/base/limits.h"
#include "agent/base/mem.h"

#define FOLDER_LOOK_MS 20 /* how often folders are looked at */

/* Files whose name ends in one of ENDINGS (NULL ends the list), not hidden. */
struct folder_set {
    const char *const *folders; /* borrowed; NULL ends the list */
    const char *const *endings;
    const char *passed; /* what is said of a file with another ending */
};

/* How all of it looks; equal as long as nothing came, went or changed. */
uint64_t folders_look(const struct folder_set *s);

/* Calls VISIT for each file in each folder; LOOK is as above, of this file.
 * A folder that cannot be listed is noted in the log. */
typedef void folder_visit(void *ctx, const char *path, uint64_t look);
void folders_each(const struct folder_set *s, folder_visit *visit, void *ctx);

/* Files that hold something that cannot be read. */
struct faulty {
    char *path;
    const char *why; /* a literal */
};
struct faulty_list {
    struct faulty item[LIMIT_FAULTY_FILES];
    size_t n;
};
/* Logs it too. */
void faulty_add(struct faulty_list *l, const char *path, const char *why);
void faulty_clear(struct faulty_list *l);

/* Adds the files with another ending: whoever put one there means it. Hidden
 * ones, keys and texts for people are left out. */
void folders_name_passed(const struct folder_set *s, struct faulty_list *l);

#endif
