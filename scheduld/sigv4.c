/* See sigv4.h. */
#include "sigv4.h"

#include "hex.h"
#include "mem.h"
#include "sigv4_canonical.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DIGEST = 32, BLOCK = 64, KEY_SLOTS = 4, SCOPE_SIZE = 192 };

/* A signing key is good for a day: four hashes of a secret that need not be made for each request. The secret
 * is remembered by its hash, so that keys which were replaced leave nothing behind but what they signed with.
 */
struct key_slot {
    char scope[SCOPE_SIZE]; /* "": free */
    unsigned char secret_hash[DIGEST];
    unsigned char key[DIGEST];
};

struct sigv4 {
    EVP_MD *md; /* fetched: looking it up by name costs more than hashing a small request */
    EVP_MD_CTX *ctx;
    struct key_slot slots[KEY_SLOTS];
    size_t next_slot;
};

struct sigv4 *sigv4_new(void)
{
    struct sigv4 *signer = mem_alloc(sizeof *signer);

    signer->md = EVP_MD_fetch(NULL, "SHA256", NULL);
    signer->ctx = EVP_MD_CTX_new();
    if (signer->md == NULL || signer->ctx == NULL)
        abort(); /* a libcrypto without SHA-256, or no memory */
    return signer;
}

void sigv4_free(struct sigv4 *signer)
{
    if (signer == NULL)
        return;
    EVP_MD_CTX_free(signer->ctx);
    EVP_MD_free(signer->md);
    OPENSSL_cleanse(signer, sizeof *signer);
    free(signer);
}

struct piece {
    const void *data;
    size_t len;
};

static void hash(struct sigv4 *signer, const struct piece *pieces, size_t count,
                 unsigned char out[static DIGEST])
{
    int good = EVP_DigestInit_ex2(signer->ctx, signer->md, NULL);

    for (size_t i = 0; i < count; i++)
        if (pieces[i].len > 0)
            good &= EVP_DigestUpdate(signer->ctx, pieces[i].data, pieces[i].len);
    good &= EVP_DigestFinal_ex(signer->ctx, out, NULL);
    if (good != 1)
        abort(); /* hashing fails for want of memory only */
}

static void hmac(struct sigv4 *signer, const void *key, size_t key_len, const char *data, size_t len,
                 unsigned char out[static DIGEST])
{
    unsigned char block[BLOCK] = {0};
    unsigned char inner[DIGEST];

    if (key_len > BLOCK)
        hash(signer, &(struct piece){key, key_len}, 1, block);
    else
        memcpy(block, key, key_len);
    for (size_t i = 0; i < BLOCK; i++)
        block[i] ^= 0x36;
    hash(signer, (struct piece[]){{block, BLOCK}, {data, len}}, 2, inner);
    for (size_t i = 0; i < BLOCK; i++)
        block[i] ^= 0x36 ^ 0x5c;
    hash(signer, (struct piece[]){{block, BLOCK}, {inner, DIGEST}}, 2, out);
    OPENSSL_cleanse(block, sizeof block);
    OPENSSL_cleanse(inner, sizeof inner);
}

static void hash_hex(struct sigv4 *signer, const void *data, size_t len, char out[static SIGV4_HEX_SIZE])
{
    unsigned char digest[DIGEST];

    hash(signer, &(struct piece){data, len}, 1, digest);
    hex_put(digest, DIGEST, out);
}

void sigv4_date(int64_t at_s, char out[static SIGV4_DATE_SIZE])
{
    time_t at = at_s;
    struct tm tm;
    size_t len = gmtime_r(&at, &tm) == NULL ? 0 : strftime(out, SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &tm);

    assert(len == SIGV4_DATE_SIZE - 1);
    (void)len;
}

/* "20150830/us-east-1/ecs/aws4_request" */
static void put_scope(const struct sigv4_scope *scope, struct buf *ret)
{
    char date[SIGV4_DATE_SIZE];

    sigv4_date(scope->at_s, date);
    buf_printf(ret, "%.8s/%s/%s/aws4_request", date, scope->region, scope->service);
}

void sigv4_put_canonical(struct sigv4 *signer, const struct sigv4_request *request, struct buf *canonical,
                         struct buf *signed_names)
{
    char body_hash[SIGV4_HEX_SIZE];

    buf_printf(canonical, "%s\n", request->method);
    sigv4_put_path(canonical, request->path, request->keep_path);
    buf_putc(canonical, '\n');
    sigv4_put_query(canonical, request->query);
    buf_putc(canonical, '\n');
    sigv4_put_headers(canonical, signed_names, request->headers, request->header_count);
    hash_hex(signer, request->body, request->body_len, body_hash);
    buf_printf(canonical, "\n%s\n%s", signed_names->data, body_hash);
}

void sigv4_put_string_to_sign(struct sigv4 *signer, const struct sigv4_scope *scope,
                              const struct buf *canonical, struct buf *ret)
{
    char date[SIGV4_DATE_SIZE];
    char hex[SIGV4_HEX_SIZE];

    sigv4_date(scope->at_s, date);
    hash_hex(signer, canonical->data, canonical->len, hex);
    buf_printf(ret, "AWS4-HMAC-SHA256\n%s\n", date);
    put_scope(scope, ret);
    buf_printf(ret, "\n%s", hex);
}

static void derive_key(struct sigv4 *signer, const char *scope, const char *secret,
                       unsigned char key[static DIGEST])
{
    char *first = mem_printf("AWS4%s", secret);
    size_t first_len = strlen(first);
    const char *part = scope;

    for (size_t i = 0; i < 4; i++) {
        size_t len = strcspn(part, "/");

        if (i == 0)
            hmac(signer, first, first_len, part, len, key);
        else
            hmac(signer, key, DIGEST, part, len, key);
        part += len + (part[len] == '/');
    }
    OPENSSL_cleanse(first, first_len);
    free(first);
}

static const unsigned char *signing_key(struct sigv4 *signer, const char *scope, const char *secret)
{
    unsigned char secret_hash[DIGEST];
    struct key_slot *slot;

    hash(signer, &(struct piece){secret, strlen(secret)}, 1, secret_hash);
    for (size_t i = 0; i < KEY_SLOTS; i++) {
        slot = &signer->slots[i];
        if (strcmp(slot->scope, scope) == 0 && CRYPTO_memcmp(slot->secret_hash, secret_hash, DIGEST) == 0)
            return slot->key;
    }
    slot = &signer->slots[signer->next_slot];
    signer->next_slot = (signer->next_slot + 1) % KEY_SLOTS;
    derive_key(signer, scope, secret, slot->key);
    memcpy(slot->secret_hash, secret_hash, DIGEST);
    /* A scope too long for the slot is cut, and never found again: no two of them can be taken for one. */
    snprintf(slot->scope, sizeof slot->scope, "%s", scope);
    return slot->key;
}

void sigv4_signature(struct sigv4 *signer, const struct sigv4_scope *scope, const char *secret,
                     const struct buf *string_to_sign, char hex[static SIGV4_HEX_SIZE])
{
    AUTO_BUF struct buf text;
    unsigned char digest[DIGEST];

    buf_init(&text, SIZE_MAX);
    put_scope(scope, &text);
    hmac(signer, signing_key(signer, text.data, secret), DIGEST, string_to_sign->data, string_to_sign->len,
         digest);
    hex_put(digest, DIGEST, hex);
}

/* The request's headers and the one or two that signing adds. */
static struct http_header *with_our_own(const struct sigv4_request *request, const char *amz_date,
                                        const char *token, size_t *count)
{
    size_t n = request->header_count;
    struct http_header *headers = mem_array(n + 2, sizeof *headers);

    if (n > 0)
        memcpy(headers, request->headers, n * sizeof *headers);
    headers[n++] = (struct http_header){"x-amz-date", amz_date};
    if (token != NULL)
        headers[n++] = (struct http_header){"x-amz-security-token", token};
    *count = n;
    return headers;
}

void sigv4_sign(struct sigv4 *signer, const struct sigv4_request *request, const struct sigv4_scope *scope,
                const struct sigv4_keys *keys, char amz_date[static SIGV4_DATE_SIZE],
                struct buf *authorization)
{
    AUTO_BUF struct buf canonical, names, text;
    AUTO_FREE struct http_header *headers = NULL;
    struct sigv4_request whole = *request;
    char hex[SIGV4_HEX_SIZE];

    buf_init(&canonical, SIZE_MAX);
    buf_init(&names, SIZE_MAX);
    buf_init(&text, SIZE_MAX);
    sigv4_date(scope->at_s, amz_date);
    headers = with_our_own(request, amz_date, keys->token, &whole.header_count);
    whole.headers = headers;
    sigv4_put_canonical(signer, &whole, &canonical, &names);
    sigv4_put_string_to_sign(signer, scope, &canonical, &text);
    sigv4_signature(signer, scope, keys->secret, &text, hex);
    buf_printf(authorization, "AWS4-HMAC-SHA256 Credential=%s/", keys->access_key_id);
    put_scope(scope, authorization);
    buf_printf(authorization, ", SignedHeaders=%s, Signature=%s", names.data, hex);
    OPENSSL_cleanse(canonical.data, canonical.len); /* the session token is in it */
}
