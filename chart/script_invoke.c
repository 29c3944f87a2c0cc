/* SPDX-License-Identifier: MIT */

/*
 * Invokes with scripts: a child's input is evaluated when it begins; what a child sends is signed
 * with its id; <finalize> runs before an event of the child's is handled, and an event from
 * outside is forwarded.
 */

#include "chart/world.h"

#include <string.h>

#include "base/alloc.h"
#include "chart/context.h"

bool smew__script_invoke(struct smew__child *child)
{
    struct smew_machine *machine = child->parent;
    const struct smew__script *script = child->invoke->script;
    struct smew__buffer text;
    bool fine = true;

    smew__buffer_init(&text);
    if (script->type.code.text)
        fine =
            smew__world_text(machine, &script->type, &text, NULL) &&
            (smew__script_knows_type((const char *)text.data) ||
             smew__world_refuse(machine, SMEW_REJECTED, "this type of <invoke> is unknown", NULL));
    smew__buffer_clear(&text);
    fine = fine && smew__script_payload(machine, script, &text, NULL);
    if (fine && text.size > 0) {
        enum smew_status status =
            smew__value_of_json((const char *)text.data, text.size, &child->own_input);

        fine = status == SMEW_OK ||
               smew__world_refuse(machine, status == SMEW_NO_MEMORY ? status : SMEW_REJECTED,
                                  smew__no_document, NULL);
        child->input = child->own_input;
    }
    smew__buffer_fini(&text);
    return fine;
}

const struct smew__message *smew__script_signed(const struct smew_machine *machine,
                                                const struct smew__message *message)
{
    char session[sizeof "#_scxml_" + SMEW_ID_MAX] = "#_scxml_";
    struct smew__origin origin = {.origin = session, .invoke_id = machine->self->id};
    struct smew__message *made;

    if (!message || message->origin || !machine->parent->chart->scripted)
        return message;
    strncat(session, machine->id, SMEW_ID_MAX);
    made = smew__message_from(machine->chart, &message->event, &origin);
    smew__message_free(message);
    return made;
}

/* Whose event is it?  NULL: of no child. */
static const char *sender_of(const struct smew__message *message)
{
    static const char done[] = "done.invoke.";

    if (message->origin)
        return message->origin->invoke_id;
    return strncmp(message->event.type, done, sizeof done - 1) == 0
               ? message->event.type + sizeof done - 1
               : NULL;
}

static void forward(struct smew_machine *machine, const struct smew__child *child,
                    const struct smew__message *message)
{
    struct smew__message *copy = smew__message_from(
        machine->chart, &message->event,
        message->origin ? message->origin : &(struct smew__origin){.type = NULL});

    if (copy)
        smew__effects_put(machine, &(struct smew__effect){
                                       .kind = SMEW__EFFECT_SEND,
                                       .message = copy,
                                       .target = {.to = SMEW__TO_CHILD, .child = child->serial}});
    else
        smew__machine_fail(machine, SMEW_NO_MEMORY);
}

void smew__script_receive(struct smew_machine *machine, const struct smew__message *message,
                          bool outside)
{
    const char *sender = sender_of(message);

    for (uint32_t i = 0; i < machine->children.count; i++) {
        const struct smew__child *child = machine->children.items[i];

        if (child->place != SMEW__LISTED)
            continue;
        if (sender && strcmp(child->id, sender) == 0)
            (void)smew__run_actions(machine, child->invoke->finalize);
        if (outside && child->invoke->forwards && child->machine)
            forward(machine, child, message);
    }
}
