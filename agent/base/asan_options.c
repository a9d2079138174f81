/*
 * Defaults of AddressSanitizer for hardened executables. Not linked by unit
 * tests, which look for leaks.
 */
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
    return "detect_leaks=0:abort_on_error=1";
}
