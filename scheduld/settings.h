/* The settings of scheduld: one table, from which --help, --check-config and the documents follow. */
#pragma once

const char *settings_program(void);
