/* See zone_index.h. */
#include "zone_index.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "attr.h"
#include "limits.h"
#include "log.h"
#include "mem.h"

enum { DEPTH_MAX = 4, NAMES_MAX = 20000, FOLDERS_MAX = 1000 };

struct folder {
    char *path; /* owned */
    struct timespec changed;
};

struct zone_index {
    char *asked;  /* owned: the folder as it was named */
    char *folder; /* owned; NULL: it is not there */
    char **names; /* owned, each too; sorted without regard to case */
    size_t names_count, names_size;
    struct folder *folders; /* owned: the folder and those in it */
    size_t folders_count;
};

static void clear(struct zone_index *index)
{
    for (size_t i = 0; i < index->names_count; i++)
        free(index->names[i]);
    for (size_t i = 0; i < index->folders_count; i++)
        free(index->folders[i].path);
    free(index->names);
    free(index->folders);
    free(index->folder);
    index->names = NULL;
    index->folders = NULL;
    index->folder = NULL;
    index->names_count = index->names_size = index->folders_count = 0;
}

/* What is in the folder and is no zone, or only another view of the same ones. */
static bool is_excluded(const char *name)
{
    static const char *const excluded[] = {"Factory", "localtime", "posix", "posixrules", "right"};

    for (size_t i = 0; i < ARRAY_LEN(excluded); i++)
        if (strcmp(name, excluded[i]) == 0)
            return true;
    return false;
}

/* So there are no hidden files, and none with a dot as zone.tab. */
static bool is_plain(const char *part)
{
    size_t len = strspn(part, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_+-");

    return len > 0 && part[len] == '\0';
}

static void add_name(struct zone_index *index, const char *name)
{
    if (index->names_count == index->names_size) {
        index->names_size = index->names_size > 0 ? 2 * index->names_size : 512;
        index->names = mem_grow(index->names, index->names_size, sizeof *index->names);
    }
    index->names[index->names_count++] = mem_strdup(name);
}

static void add_folder(struct zone_index *index, const char *path, const struct stat *st)
{
    index->folders = mem_grow(index->folders, index->folders_count + 1, sizeof *index->folders);
    index->folders[index->folders_count++] = (struct folder){mem_strdup(path), st->st_mtim};
}

static void read_folder(struct zone_index *index, const char *below, int depth);

/* Links to files are names; links to folders are not followed, as they may lead anywhere, or round and round.
 */
static void read_entry(struct zone_index *index, const char *below, const char *part, int depth)
{
    AUTO_FREE char *name = mem_printf("%s%s%s", below, below[0] != '\0' ? "/" : "", part);
    AUTO_FREE char *path = mem_printf("%s/%s", index->folder, name);
    struct stat st;

    if (strlen(name) > JOB_TIMEZONE_MAX || lstat(path, &st) != 0)
        return;
    if (S_ISDIR(st.st_mode))
        read_folder(index, name, depth + 1);
    else if ((S_ISREG(st.st_mode) || S_ISLNK(st.st_mode)) && index->names_count < NAMES_MAX)
        add_name(index, name);
}

static void read_folder(struct zone_index *index, const char *below, int depth)
{
    AUTO_FREE char *path = mem_printf("%s%s%s", index->folder, below[0] != '\0' ? "/" : "", below);
    const struct dirent *entry;
    struct stat st;
    DIR *dir;

    if (depth > DEPTH_MAX || index->folders_count >= FOLDERS_MAX || stat(path, &st) != 0)
        return;
    dir = opendir(path);
    if (dir == NULL) {
        log_warning("zone.folder.unreadable", "folder=%s", LOGQ(path));
        return;
    }
    add_folder(index, path, &st);
    while ((entry = readdir(dir)) != NULL)
        if (is_plain(entry->d_name) && !(below[0] == '\0' && is_excluded(entry->d_name)))
            read_entry(index, below, entry->d_name, depth);
    closedir(dir);
}

static int compare_names(const void *a, const void *b)
{
    return strcasecmp(*(char *const *)a, *(char *const *)b);
}

static void read_all(struct zone_index *index)
{
    clear(index);
    index->folder = realpath(index->asked, NULL);
    if (index->folder != NULL)
        read_folder(index, "", 1);
    if (index->names_count > 0)
        qsort(index->names, index->names_count, sizeof *index->names, compare_names);
    else
        log_warning("zone.folder.empty", "folder=%s", LOGQ(index->asked));
}

struct zone_index *zone_index_new(const char *folder)
{
    struct zone_index *index = mem_alloc(sizeof *index);

    index->asked = mem_strdup(folder);
    read_all(index);
    return index;
}

void zone_index_free(struct zone_index *index)
{
    if (index == NULL)
        return;
    clear(index);
    free(index->asked);
    free(index);
}

const char *zone_index_find(const struct zone_index *index, const char *name)
{
    char *const *found = index->names_count > 0 ? bsearch(&name, index->names, index->names_count,
                                                          sizeof *index->names, compare_names)
                                                : NULL;

    return found != NULL ? *found : NULL;
}

const char *zone_index_folder(const struct zone_index *index)
{
    return index->folder;
}

static bool has_changed(const struct zone_index *index)
{
    AUTO_FREE char *folder = realpath(index->asked, NULL);
    struct stat st;

    if ((folder == NULL) != (index->folder == NULL) || (folder != NULL && strcmp(folder, index->folder) != 0))
        return true;
    for (size_t i = 0; i < index->folders_count; i++) {
        const struct folder *f = &index->folders[i];

        if (stat(f->path, &st) != 0 || st.st_mtim.tv_sec != f->changed.tv_sec ||
            st.st_mtim.tv_nsec != f->changed.tv_nsec)
            return true;
    }
    return false;
}

void zone_index_refresh(struct zone_index *index)
{
    if (has_changed(index))
        read_all(index);
}
