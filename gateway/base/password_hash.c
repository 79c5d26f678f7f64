/* See password_hash.h. */
#include "gateway/base/password_hash.h"

#include <string.h>

#include <sodium.h>

_Static_assert(PASSWORD_HASH_SIZE >= crypto_pwhash_STRBYTES, "a hash fits");

enum err password_hash(const char *password, char out[PASSWORD_HASH_SIZE])
{
    char hash[PASSWORD_HASH_SIZE] = {0};
    if (!*password)
        return fail(E_INVALID, "A password must not be empty.");
    if (crypto_pwhash_str(hash, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                          crypto_pwhash_MEMLIMIT_INTERACTIVE) != 0)
        return fail(E_UNAVAILABLE, "There is not enough memory to hash a password.");
    memcpy(out, hash, PASSWORD_HASH_SIZE);
    return OK;
}

bool password_hash_matches(const char *hash, const char *password)
{
    return crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}
