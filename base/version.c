/* SPDX-License-Identifier: MIT */
/* The version of the library, put together from the header's three numbers when it is built. */
#include <smew/version.h>

#define TEXT(number) #number
#define DOTTED(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *smew_version(void)
{
    return DOTTED(SMEW_VERSION_MAJOR, SMEW_VERSION_MINOR, SMEW_VERSION_PATCH);
}
