/* SPDX-License-Identifier: MIT */

/* A build without a script engine: the loaders refuse what would need one. */

#include "chart/script.h"

const struct smew__script_engine *smew__script_engine(void)
{
    return NULL;
}
