/* SPDX-License-Identifier: MIT */
#ifndef SMEW_VERSION_H
#define SMEW_VERSION_H

/*
 * The version of the library.  Semantic versioning: until 1.0 a minor step may change the API.
 * CMake reads the three numbers from here; nothing else repeats them.
 */

#include <smew/export.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SMEW_VERSION_MAJOR 0
#define SMEW_VERSION_MINOR 1
#define SMEW_VERSION_PATCH 0

/* "0.1.0": the version of the library that is linked, not of the header.  Static; any thread. */
SMEW_API const char *smew_version(void);

#ifdef __cplusplus
}
#endif
#endif
