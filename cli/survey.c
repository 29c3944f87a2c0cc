/* SPDX-License-Identifier: MIT */
/*
 * Asking all nodes at once.  Happy path: copy the directory's nodes, send each a request with a
 * callback, poll until the last callback ran.  Failure modes: a node that does not answer, or
 * answers something that is no JSON object, has no answer; nothing else waits for it longer than
 * the timeout.
 */
#include "cli/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* One request under way; its callback frees it. */
struct question {
    struct smew__survey *survey;
    json_t *into; /* answers of this event; borrowed from the survey */
    char address[64];
};

static bool add_node(const struct smew_node_info *node, void *user)
{
    struct smew__survey *survey = user;
    json_t *row;

    if (strcmp(node->address, smew_bus_address(survey->bus)) == 0)
        return true;
    row = json_pack("{s:s, s:s, s:I, s:b, s:b, s:I, s:I}", "address", node->address, "name",
                    node->name, "pid", (json_int_t)node->pid, "alive", (int)node->alive, "suspect",
                    (int)node->suspect, "silent_ms", (json_int_t)node->silent_ms, "up_ms",
                    (json_int_t)node->up_ms);
    json_array_append_new(survey->nodes, row);
    return json_array_size(survey->nodes) < SMEW__SURVEY_NODES;
}

enum smew_status smew__survey_begin(struct smew__survey *survey, struct smew_bus *bus)
{
    *survey = (struct smew__survey){
        .bus = bus,
        .nodes = json_array(),
        .answers = json_object(),
    };
    if (survey->nodes == NULL || survey->answers == NULL)
        return SMEW_NO_MEMORY;
    return smew_bus_each_node(bus, add_node, survey);
}

static void on_answer(struct smew_bus *bus, enum smew_status status,
                      const struct smew_message *reply, void *user)
{
    struct question *question = user;
    json_t *answer = NULL;

    (void)bus;
    if (status == SMEW_OK)
        answer = json_loadb(smew_message_payload(reply), smew_message_payload_size(reply), 0, NULL);
    if (answer != NULL)
        json_object_set_new(question->into, question->address, answer);
    question->survey->pending--;
    smew__free(question);
}

static enum smew_status ask_one(struct smew__survey *survey, const char *address, const char *event,
                                const char *payload, json_t *into, uint32_t timeout_ms)
{
    struct smew_send_options options = SMEW_SEND_OPTIONS_INIT;
    struct question *question = smew__calloc(1, sizeof(*question));
    enum smew_status status;

    if (question == NULL)
        return SMEW_NO_MEMORY;
    question->survey = survey;
    question->into = into;
    strncat(question->address, address, sizeof(question->address) - 1);
    options.timeout_ms = timeout_ms;
    options.content = SMEW_CONTENT_JSON;
    survey->pending++;
    status = smew_bus_request_async(survey->bus, address, event, payload, strlen(payload), &options,
                                    on_answer, question);
    if (status != SMEW_OK) { /* it died since: no answer */
        survey->pending--;
        smew__free(question);
    }
    return SMEW_OK;
}

enum smew_status smew__survey_ask(struct smew__survey *survey, const char *event,
                                  const json_t *payload, uint32_t timeout_ms)
{
    char *text = payload != NULL ? json_dumps(payload, JSON_COMPACT) : NULL;
    json_t *into = json_object(), *node;
    enum smew_status status = SMEW_OK;
    size_t index;

    if (json_object_set_new(survey->answers, event, into) != 0)
        status = SMEW_NO_MEMORY;
    json_array_foreach(survey->nodes, index, node)
    {
        const char *address = json_string_value(json_object_get(node, "address"));

        if (status == SMEW_OK && json_is_true(json_object_get(node, "alive")))
            status = ask_one(survey, address, event, text != NULL ? text : "", into, timeout_ms);
    }
    free(text);
    return status;
}

void smew__survey_wait(struct smew__survey *survey)
{
    while (survey->pending > 0) {
        enum smew_status status = smew_bus_poll(survey->bus, 100, 0);

        if (status != SMEW_OK && status != SMEW_TIMEOUT)
            return; /* closing the bus runs what is left */
    }
}

const json_t *smew__survey_answer(const struct smew__survey *survey, const char *event,
                                  const char *address)
{
    return json_object_get(json_object_get(survey->answers, event), address);
}

void smew__survey_end(struct smew__survey *survey)
{
    json_decref(survey->nodes);
    json_decref(survey->answers);
    *survey = (struct smew__survey){0};
}
