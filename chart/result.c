/* SPDX-License-Identifier: MIT */

/*
 * What a script answered, as JSON and as a value.  Duktape nests deeper than our values may, and
 * JSON can say a NUL: both are found here.
 */

#include "chart/world.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/context.h"

const char smew__no_document[] = "the value nests deeper than 256 levels, or holds a NUL";

void smew__result_json(const struct smew__script_result *result, struct smew__buffer *text)
{
    char number[SMEW__NUMBER_TEXT];

    switch (result->type) {
    case SMEW__SCRIPT_NOTHING:
        smew__buffer_text(text, "null");
        break;
    case SMEW__SCRIPT_BOOL:
        smew__buffer_text(text, result->truth ? "true" : "false");
        break;
    case SMEW__SCRIPT_NUMBER:
        smew__number_text(result->number, number);
        smew__buffer_text(text, number);
        break;
    case SMEW__SCRIPT_STRING:
        smew__buffer_json_string(text, (const char *)result->text.data, result->text.size);
        break;
    case SMEW__SCRIPT_JSON:
        smew__buffer_append(text, result->text.data, result->text.size);
        break;
    }
}

enum smew_status smew__result_value(const struct smew__script_result *result,
                                    struct smew_value **value)
{
    static const enum smew_value_type types[] = {[SMEW__SCRIPT_NOTHING] = SMEW_VALUE_NULL,
                                                 [SMEW__SCRIPT_BOOL] = SMEW_VALUE_BOOL,
                                                 [SMEW__SCRIPT_NUMBER] = SMEW_VALUE_NUMBER,
                                                 [SMEW__SCRIPT_STRING] = SMEW_VALUE_STRING};
    struct smew_value *made;

    if (result->type == SMEW__SCRIPT_JSON)
        return smew__value_of_json((const char *)result->text.data, result->text.size, value);
    made = smew__value_new(types[result->type]);
    if (!made)
        return SMEW_NO_MEMORY;
    if (result->type == SMEW__SCRIPT_BOOL) {
        made->as.truth = result->truth;
    } else if (result->type == SMEW__SCRIPT_NUMBER) {
        made->as.number = result->number;
    } else if (result->type == SMEW__SCRIPT_STRING) {
        made->as.text = smew__strdup((const char *)result->text.data);
        if (!made->as.text) {
            smew__free(made);
            return SMEW_NO_MEMORY;
        }
    }
    *value = made;
    return SMEW_OK;
}
