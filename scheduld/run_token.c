/* See run_token.h. */
#include "run_token.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "hex.h"
#include "mem.h"

void run_token(const struct run_identity *identity, int chunk, int attempt, char ret[static RUN_TOKEN_SIZE])
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    /* Neither ids nor UUIDs have a newline, so no two identities give the same text. */
    AUTO_FREE char *text = mem_printf("%s\n%s\n%" PRId64 "\n%d\n%d", identity->installation, identity->job_id,
                                      identity->fire_s, chunk, attempt);

    if (EVP_Digest(text, strlen(text), hash, NULL, EVP_sha256(), NULL) != 1)
        abort(); /* only without memory, or without SHA-256 */
    hex_put(hash, RUN_TOKEN_LEN / 2, ret);
}
