/* See idempotency.h. */
#include "idempotency.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "hex.h"

bool idempotency_check(const char *key, struct err *err)
{
    size_t len = strlen(key);
    bool visible = true;

    for (size_t i = 0; i < len; i++)
        visible &= key[i] > ' ' && key[i] < 0x7f;
    if (len == 0 || len > IDEMPOTENCY_KEY_MAX || !visible)
        return err_set(err, ERR_INVALID,
                       "Idempotency-Key must have 1 to %d visible ASCII characters and no spaces.",
                       IDEMPOTENCY_KEY_MAX);
    return true;
}

void idempotency_request(const char *body, size_t len, char out[static IDEMPOTENCY_REQUEST_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (EVP_Digest(body, len, hash, &size, EVP_sha256(), NULL) != 1)
        abort(); /* out of memory */
    hex_put(hash, size, out);
}
