/*
 * Mutations that know the structure of what they change. Random bytes in DER
 * are refused at the first wrong length: these change the tree of elements
 * and write it again with lengths that fit.
 */
#ifndef TESTS_FUZZ_MUTATE_H
#define TESTS_FUZZ_MUTATE_H

#include "tests/fuzz/fuzz.h"

/* Numbers from a seed, the same each time. */
struct dice {
    uint64_t state;
};
struct dice dice_new(unsigned seed);
size_t dice_roll(struct dice *d, size_t sides); /* 0 to sides - 1 */

/* Changes one DER element at DATA. Gives its new size, at most MOST; 0 when
 * it is no DER or has become too large. */
size_t mutate_der(uint8_t *data, size_t size, size_t most, struct dice *d);

/* Changes a mail: DER inside its base64, whole lines, or bytes. */
size_t mutate_mail(uint8_t *data, size_t size, size_t most, struct dice *d);

/* DER behind SKIP bytes that libFuzzer changes by itself, now and then. */
#define MUTATES_DER(skip)                                                      \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,    \
                                   unsigned seed)                              \
    {                                                                          \
        struct dice d = dice_new(seed);                                        \
        size_t n = 0;                                                          \
                                                                               \
        if (size > (skip) && dice_roll(&d, 4) > 0)                             \
            n = mutate_der(data + (skip), size - (skip), most - (skip), &d);   \
        return n > 0 ? n + (skip) : LLVMFuzzerMutate(data, size, most);        \
    }

#define MUTATES_MAIL                                                           \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most,    \
                                   unsigned seed)                              \
    {                                                                          \
        struct dice d = dice_new(seed);                                        \
                                                                               \
        return mutate_mail(data, size, most, &d);                              \
    }

#endif
