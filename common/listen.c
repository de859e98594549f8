/* See listen.h. */
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 1024, PORT_MAX = 65535 };

/* ---- Addresses ---- */

static bool parse_port(const char *text, int *ret)
{
    char *end;
    long port = strtol(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end != '\0' || port > PORT_MAX)
        return false;
    *ret = (int)port;
    return true;
}

static bool parse_unix(const char *path, struct listen_address *ret, struct err *err)
{
    if (path[0] != '/')
        return err_set(err, ERR_INVALID, "after unix: there must be a path that begins with a slash");
    if (strlen(path) > LISTEN_PATH_MAX)
        return err_set(err, ERR_INVALID, "the path of a unix socket must not be longer than %d bytes",
                       LISTEN_PATH_MAX);
    ret->is_unix = true;
    memcpy(ret->path, path, strlen(path) + 1);
    return true;
}

bool listen_parse(const char *text, struct listen_address *ret, struct err *err)
{
    const char *colon = strrchr(text, ':'), *host = text;
    struct listen_address address = {0};
    size_t len;

    if (strncmp(text, "unix:", 5) == 0) {
        if (!parse_unix(text + 5, &address, err))
            return false;
        *ret = address;
        return true;
    }
    if (colon == NULL || colon == text || !parse_port(colon + 1, &address.port))
        return err_set(err, ERR_INVALID, "must be host:port, [v6]:port or unix:/path");
    len = (size_t)(colon - text);
    if (text[0] == '[' && text[len - 1] == ']') {
        host++;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL || text[0] == '[') {
        return err_set(err, ERR_INVALID, "an IPv6 address must be in brackets, as [::1]:8080");
    }
    if (len == 0 || len > LISTEN_HOST_MAX)
        return err_set(err, ERR_INVALID,
                       "has no host; 0.0.0.0 stands for all IPv4 addresses, [::] for all of IPv6");
    memcpy(address.host, host, len);
    *ret = address;
    return true;
}

bool listen_host_is_loopback(const char *host)
{
    struct in_addr v4;
    struct in6_addr v6;

    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &v4) == 1) /* a name may begin with 127. and be anywhere */
        return ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET;
    return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

bool listen_is_public(const struct listen_address *address)
{
    return !address->is_unix && !listen_host_is_loopback(address->host);
}

/* ---- TCP ---- */

static bool resolve(const struct listen_address *address, struct addrinfo **ret, struct err *err)
{
    /* IPv4 first, where a name has both: `localhost` is what `127.0.0.1` is. */
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    char port[8];
    int code;

    snprintf(port, sizeof port, "%d", address->port);
    code = getaddrinfo(address->host, port, &hints, ret);
    if (code != 0) {
        hints.ai_family = AF_INET6;
        code = getaddrinfo(address->host, port, &hints, ret);
    }
    return code == 0 || err_set(err, ERR_UNAVAILABLE, "%s", gai_strerror(code));
}

static void switch_on(int fd, int level, int option)
{
    int on = 1;

    setsockopt(fd, level, option, &on, sizeof on);
}

static bool why_not(const char *what, struct err *err)
{
    if (errno == EADDRINUSE)
        return err_set(err, ERR_UNAVAILABLE, "another process listens there already");
    if (errno == EACCES)
        return err_errno(err, ERR_DENIED, "%s (ports below 1024 need a privilege)", what);
    return err_errno(err, ERR_UNAVAILABLE, "%s", what);
}

static bool open_tcp(const struct addrinfo *info, bool shared, int *ret, struct err *err)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return err_errno(err, ERR_UNAVAILABLE, "socket");
    switch_on(fd, SOL_SOCKET, SO_REUSEADDR);
    switch_on(fd, SOL_SOCKET, SO_KEEPALIVE);
    switch_on(fd, IPPROTO_TCP, TCP_NODELAY); /* connections inherit it */
    if (info->ai_family == AF_INET6)
        switch_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
    if (shared)
        switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
    if (bind(fd, info->ai_addr, info->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
        why_not("bind", err);
        close(fd);
        return false;
    }
    switch_on(fd, SOL_SOCKET, SO_REUSEPORT);
    *ret = fd;
    return true;
}

/* Which port it was, for the sockets that follow. */
static void learn_port(int fd, struct listen_address *address, struct addrinfo *info)
{
    socklen_t len = info->ai_addrlen;

    if (getsockname(fd, info->ai_addr, &len) != 0)
        return;
    address->port =
        ntohs(info->ai_family == AF_INET6 ? ((struct sockaddr_in6 *)(void *)info->ai_addr)->sin6_port
                                          : ((struct sockaddr_in *)(void *)info->ai_addr)->sin_port);
}

static bool open_all_tcp(struct listen_address *address, int count, int *fds, struct err *err)
{
    struct addrinfo *info;

    if (!resolve(address, &info, err))
        return false;
    for (int i = 0; i < count; i++) {
        if (!open_tcp(info, i > 0, &fds[i], err)) {
            while (i > 0)
                close(fds[--i]);
            freeaddrinfo(info);
            return false;
        }
        learn_port(fds[i], address, info);
    }
    freeaddrinfo(info);
    return true;
}

/* ---- Unix sockets ---- */

/* Removes what a process that has died left behind. */
static bool remove_stale(const struct sockaddr_un *name, struct err *err)
{
    struct stat st;
    bool answered;
    int fd;

    if (lstat(name->sun_path, &st) != 0)
        return errno == ENOENT || err_errno(err, ERR_UNAVAILABLE, "stat");
    if (!S_ISSOCK(st.st_mode))
        return err_set(err, ERR_UNAVAILABLE, "there is a file of that name that is no socket");
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, ERR_UNAVAILABLE, "socket");
    /* EAGAIN is a full backlog, EACCES somebody else's: only a refusal says that nobody is there. */
    answered = connect(fd, (const struct sockaddr *)name, sizeof *name) == 0 || errno != ECONNREFUSED;
    close(fd);
    if (answered)
        return err_set(err, ERR_UNAVAILABLE, "another process listens there already");
    return unlink(name->sun_path) == 0 || err_errno(err, ERR_UNAVAILABLE, "cannot remove the stale socket");
}

static bool open_unix(struct listen_address *address, int *ret, struct err *err)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    struct stat st;
    int fd;

    memcpy(name.sun_path, address->path, strlen(address->path));
    if (!remove_stale(&name, err))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_errno(err, ERR_UNAVAILABLE, "socket");
    if (bind(fd, (const struct sockaddr *)&name, sizeof name) != 0 || listen(fd, BACKLOG) != 0) {
        why_not("bind", err);
        close(fd);
        return false;
    }
    if (lstat(address->path, &st) == 0) {
        address->dev = st.st_dev;
        address->ino = st.st_ino;
        address->made = st.st_mtim;
    }
    *ret = fd;
    return true;
}

/* ---- One socket for all workers ---- */

/* fds[0] is there; it stays the caller's on failure. */
static bool share(int count, int *fds, struct err *err)
{
    for (int i = 1; i < count; i++) {
        fds[i] = fcntl(fds[0], F_DUPFD_CLOEXEC, 0);
        if (fds[i] < 0) {
            err_errno(err, ERR_UNAVAILABLE, "dup");
            while (i > 1)
                close(fds[--i]);
            return false;
        }
    }
    return true;
}

static bool open_all_unix(struct listen_address *address, int count, int *fds, struct err *err)
{
    if (!open_unix(address, &fds[0], err))
        return false;
    if (!share(count, fds, err)) {
        close(fds[0]);
        listen_forget(address);
        return false;
    }
    return true;
}

bool listen_adopt(int socket, int count, int *fds, struct err *err)
{
    switch_on(socket, SOL_SOCKET, SO_KEEPALIVE);
    switch_on(socket, IPPROTO_TCP, TCP_NODELAY);
    fds[0] = socket;
    return share(count, fds, err);
}

bool listen_describe(int socket, struct buf *ret, struct err *err)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof name;
    char host[LISTEN_HOST_MAX + 1], port[8];
    int code;

    if (getsockname(socket, (struct sockaddr *)&name, &len) != 0)
        return err_errno(err, ERR_INTERNAL, "getsockname");
    if (name.ss_family == AF_UNIX) {
        const char *path = ((const struct sockaddr_un *)(const void *)&name)->sun_path;

        if (path[0] != '/')
            return err_set(err, ERR_INVALID,
                           "a unix socket that systemd passes has no path; see ListenStream=");
        buf_printf(ret, "unix:%s", path);
        return true;
    }
    code = getnameinfo((const struct sockaddr *)&name, len, host, sizeof host, port, sizeof port,
                       NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0)
        return err_set(err, ERR_INVALID, "the address of a socket that systemd passes: %s",
                       gai_strerror(code));
    buf_printf(ret, name.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return true;
}

bool listen_open(struct listen_address *address, int count, int *fds, struct err *err)
{
    return address->is_unix ? open_all_unix(address, count, fds, err)
                            : open_all_tcp(address, count, fds, err);
}

void listen_forget(const struct listen_address *address)
{
    struct stat st;

    /* Another process may have put its own there in the meantime. */
    if (address->is_unix && lstat(address->path, &st) == 0 && st.st_dev == address->dev &&
        st.st_ino == address->ino && st.st_mtim.tv_sec == address->made.tv_sec &&
        st.st_mtim.tv_nsec == address->made.tv_nsec)
        unlink(address->path);
}
