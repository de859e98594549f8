/* Runs a fuzz target on each file that is named, and on the files of each folder: how every build replays the
 * corpora, without libFuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, FILE_MAX = 1 << 24 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data, *exact;
    size_t size;

    if (file == NULL) {
        perror(path);
        return -1;
    }
    data = malloc(FILE_MAX);
    if (data == NULL)
        abort();
    size = fread(data, 1, FILE_MAX, file);
    fclose(file);
    /* No byte more than there is, so that a sanitizer sees a read beyond the end. */
    exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    free(data);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

static int replay_folder(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry;
    int count = 0;

    if (folder == NULL) {
        perror(path);
        return -1;
    }
    while (count >= 0 && (entry = readdir(folder)) != NULL) {
        char file[PATH_SIZE];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        count = replay_file(file) < 0 ? -1 : count + 1;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;

    for (int i = 1; i < argc; i++) {
        struct stat st;
        int more =
            stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode) ? replay_folder(argv[i]) : replay_file(argv[i]);

        if (more < 0)
            return 1;
        count += more;
    }
    printf("%d inputs\n", count);
    return count > 0 ? 0 : 1;
}
