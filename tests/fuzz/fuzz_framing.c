/* What framing takes for a request does not depend on how the bytes are cut, and what it understood, written
 * down plainly, is understood in the same way again. The first byte says how long the pieces are, and whether
 * little is allowed. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "framing.h"
#include "http_limits.h"

static size_t feed_whole(struct framing *framing, const uint8_t *data, size_t size)
{
    return framing_feed(framing, (const char *)data, size);
}

static size_t feed_pieces(struct framing *framing, const uint8_t *data, size_t size, size_t piece)
{
    size_t used = 0;

    for (size_t at = 0; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        uint8_t *copy = malloc(len);

        if (copy == NULL)
            abort();
        memcpy(copy, data + at, len);
        used += feed_whole(framing, copy, len);
        free(copy);
    }
    return used;
}

static void expect(bool good)
{
    if (!good)
        abort();
}

static void expect_same_text(const char *a, const char *b)
{
    expect((a == NULL) == (b == NULL) && (a == NULL || strcmp(a, b) == 0));
}

static void expect_same_message(const struct framing *a, const struct framing *b)
{
    expect(a->state == b->state && a->status == b->status);
    expect_same_text(framing_method(a), framing_method(b));
    expect_same_text(framing_path(a), framing_path(b));
    if (a->state != FRAMING_DONE)
        return;
    expect_same_text(framing_query(a), framing_query(b));
    expect(a->minor == b->minor && a->keep_alive == b->keep_alive);
    expect(a->body.len == b->body.len && memcmp(a->body.data, b->body.data, a->body.len) == 0);
}

/* What every later part relies on. */
static void expect_bounds(const struct framing *framing)
{
    const char *path = framing_path(framing);

    expect(framing->body.len <= framing->limits->body && framing->head.len <= framing->limits->head);
    expect(framing->header_count <= framing->limits->headers);
    expect(!buf_full(&framing->head) && !buf_full(&framing->body));
    if (framing->state == FRAMING_REFUSED)
        expect(framing->status >= 400 && framing->status <= 505 && framing->why != NULL);
    if (framing->state != FRAMING_DONE)
        return;
    expect(path[0] == '/' || strcmp(path, "*") == 0);
    for (; *path != '\0'; path++)
        expect(*path > ' ' && *path < 0x7F && *path != '?' && *path != '#');
}

static void put_plainly(const struct framing *framing, struct buf *text)
{
    const char *query = framing_query(framing);

    buf_printf(text, "%s %s", framing_method(framing), framing_path(framing));
    if (query != NULL) {
        buf_putc(text, '?');
        buf_puts(text, query);
    }
    buf_printf(text, " HTTP/1.%d\r\nHost: x\r\nConnection: %s\r\nContent-Length: %zu\r\n\r\n", framing->minor,
               framing->keep_alive ? "keep-alive" : "close", framing->body.len);
    buf_put(text, framing->body.data, framing->body.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct framing whole, pieces, again;
    static const struct http_limits tight = {.uri = 16, .head = 128, .headers = 4, .body = 32, .import = 32};
    const struct http_limits *limits = &http_limits_default;
    size_t piece, used;

    if (size == 0)
        return 0;
    piece = data[0] % 16 + 1U;
    if (data[0] >= 128)
        limits = &tight;
    data++;
    size--;
    framing_init(&whole, limits);
    framing_init(&pieces, limits);
    framing_init(&again, &http_limits_default);
    used = feed_whole(&whole, data, size);
    expect(used <= size && feed_pieces(&pieces, data, size, piece) == used);
    expect_same_message(&whole, &pieces);
    expect_bounds(&whole);
    if (whole.state == FRAMING_DONE) {
        AUTO_BUF struct buf text = {0};

        buf_init(&text, 2 * http_limits_default.body);
        put_plainly(&whole, &text);
        expect(feed_whole(&again, (const uint8_t *)text.data, text.len) == text.len);
        expect_same_message(&whole, &again);
    }
    framing_done(&whole);
    framing_done(&pieces);
    framing_done(&again);
    return 0;
}
