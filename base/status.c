/* SPDX-License-Identifier: MIT */
/*
 * Status codes, their names and texts, and the one way in which a sentence gets into a
 * `struct smew_error`.
 */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *smew_status_text(enum smew_status status)
{
    switch (status) {
#define STATUS_TEXT(name, code, text) \
    case SMEW_##name:                 \
        return text;
        SMEW_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "an unknown status";
}

const char *smew_status_name(enum smew_status status)
{
    switch (status) {
#define STATUS_NAME(name, code, text) \
    case SMEW_##name:                 \
        return #name;
        SMEW_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "UNKNOWN";
}

enum smew_status smew__fail(struct smew_error *error, enum smew_status status, const char *format,
                            ...)
{
    char text[SMEW_ERROR_TEXT_SIZE]; /* since an argument may be error->text itself */
    va_list arguments;

    if (error == NULL)
        return status;
    va_start(arguments, format);
    if (vsnprintf(text, sizeof text, format, arguments) < 0)
        text[0] = '\0';
    va_end(arguments);
    memcpy(error->text, text, sizeof text);
    error->status = status;
    return status;
}
