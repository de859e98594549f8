/* scheduld: wiring and nothing else. */
#include "settings.h"

#include <stdio.h>

int main(void)
{
    printf("%s %s\n", "scheduld", ECSS_VERSION);
    return 0;
}
