/* See settings.h. */
#include "settings.h"

const char *settings_program(void)
{
    return "scheduld";
}
