/* What a fuzz target is: libFuzzer calls it, or replay.c with the files of its corpus. Must not keep data. */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
