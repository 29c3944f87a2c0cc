/* SPDX-License-Identifier: MIT */

/* Texts of scripts, numbered for the cache of each machine's session; for both loaders. */

#include "chart/load.h"

#include <string.h>

bool smew__load_code(struct smew__loader *loader, const char *text, struct smew__code *code)
{
    code->text = smew__intern(loader, text, strlen(text));
    code->number = loader->chart->code_count++;
    return code->text != NULL;
}

const struct smew__script *smew__load_script(struct smew__loader *loader,
                                             const struct smew__script *script)
{
    struct smew__script *kept = smew__arena_alloc(&loader->chart->arena, sizeof *kept);

    if (!kept) {
        (void)smew__no_memory(loader);
        return NULL;
    }
    *kept = *script;
    loader->chart->scripted = true;
    return kept;
}
