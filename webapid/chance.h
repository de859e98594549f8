/*
 * Numbers that nobody can foresee, for the `?` of schedules: the point of `?` is that many jobs do not all
 * fire in the same second, also when they are created by many processes at once.
 */
#pragma once

#include <stdint.h>

/* 0 to n - 1, each as likely as the others; from the kernel. n > 0. */
uint32_t chance_below(uint32_t n);
