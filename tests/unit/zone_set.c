/* See zone_set.h. */
#include "zone_set.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mem.h"

enum { PATH_SIZE = 4096, FILE_MAX = 1 << 20 };

static struct tz *load(const char *path)
{
    static unsigned char bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    struct tz *tz = NULL;

    if (file != NULL) {
        size_t len = fread(bytes, 1, sizeof bytes, file);

        fclose(file);
        if (!tz_parse(bytes, len, &tz, NULL))
            tz = NULL;
    }
    return tz;
}

static void add(struct zone_set *set, const char *name, struct tz *tz)
{
    set->zones = mem_grow(set->zones, set->count + 1, sizeof *set->zones);
    set->zones[set->count++] = (struct zone_entry){mem_strdup(name), tz};
}

static void walk(struct zone_set *set, const char *folder, const char *prefix)
{
    char path[PATH_SIZE], name[PATH_SIZE];
    const struct dirent *entry;
    DIR *dir;

    snprintf(path, sizeof path, "%s/%s", folder, prefix);
    dir = opendir(path);
    if (dir == NULL) {
        perror(path);
        abort();
    }
    while ((entry = readdir(dir)) != NULL) {
        struct stat st;
        struct tz *tz;

        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "posix") == 0 ||
            strcmp(entry->d_name, "right") == 0 || strcmp(entry->d_name, "Factory") == 0 ||
            strcmp(entry->d_name, "posixrules") == 0 || strcmp(entry->d_name, "localtime") == 0)
            continue;
        if (snprintf(name, sizeof name, "%s%s", prefix, entry->d_name) >= PATH_SIZE / 2 ||
            snprintf(path, sizeof path, "%s/%s", folder, name) >= PATH_SIZE || stat(path, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode)) {
            memcpy(name + strlen(name), "/", 2);
            walk(set, folder, name);
        } else if ((tz = load(path)) != NULL) {
            add(set, name, tz);
        }
    }
    closedir(dir);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct zone_entry *)a)->name, ((const struct zone_entry *)b)->name);
}

void zone_set_load(struct zone_set *ret, const char *folder)
{
    *ret = (struct zone_set){0};
    walk(ret, folder, "");
    qsort(ret->zones, ret->count, sizeof *ret->zones, by_name);
}

void zone_set_done(struct zone_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->zones[i].name);
        tz_free(set->zones[i].tz);
    }
    free(set->zones);
}

const struct tz *zone_set_find(const struct zone_set *set, const char *name)
{
    for (size_t i = 0; i < set->count; i++)
        if (strcasecmp(set->zones[i].name, name) == 0)
            return set->zones[i].tz;
    return NULL;
}
