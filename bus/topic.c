/* SPDX-License-Identifier: MIT */
/*
 * Publishing and subscribing.  The fast path of a publisher without subscribers is two relaxed
 * loads: the directory's topic epoch is the one we know, and nobody is wanted.
 */

#include "bus/topic.h"

#include <string.h>

#include "base/alloc.h"
#include "bus/handler.h"
#include "bus/peer.h"
#include "bus/poll.h"
#include "bus/send.h"

static const char missed_event[] = "smew.missed";

struct smew_subscription {
    struct smew__list link;
    char *topic; /* as subscribed, with the '*' */
    smew_handler_fn handler;
    void *user;
    uint32_t references; /* the list, and each queued message */
    uint32_t queued;
    uint64_t missed;
    bool ended;
};

/* What another node wants. */
struct remote {
    struct smew__list link;
    struct smew__peer *peer;
    char *topic;
};

/* A published message on its way to one subscription. */
struct copy {
    struct smew__due due;
    struct smew_bus *bus;
    struct smew_subscription *subscription;
    struct smew_message *message;
    uint64_t missed;
};

static bool matches(const char *pattern, const char *topic)
{
    size_t size = strlen(pattern);

    if (size && pattern[size - 1] == '*')
        return strncmp(pattern, topic, size - 1) == 0;
    return strcmp(pattern, topic) == 0;
}

/* ---- what others want ---------------------------------------------------------------- */

static void remote_free(struct smew_bus *bus, struct remote *remote)
{
    smew__list_remove(&remote->link);
    smew__free(remote->topic);
    smew__free(remote);
    atomic_fetch_sub_explicit(&bus->topics.wanted, 1, memory_order_relaxed);
}

void smew__topic_forget_peer(struct smew_bus *bus, const struct smew__peer *peer)
{
    SMEW_LIST_EACH_SAFE (link, &bus->topics.remotes) {
        struct remote *remote = SMEW_CONTAINER(link, struct remote, link);

        if (remote->peer == peer)
            remote_free(bus, remote);
    }
}

static void drop_remotes(struct smew_bus *bus)
{
    while (!smew__list_empty(&bus->topics.remotes))
        remote_free(bus, SMEW_CONTAINER(bus->topics.remotes.next, struct remote, link));
}

/* One walk over the subscriptions of all nodes. */
struct gathering {
    struct smew_bus *bus;
    enum smew_status status;
};

static bool add_remote(struct smew__node_ref node, const char *topic, void *user)
{
    struct gathering *gathering = user;
    struct smew_bus *bus = gathering->bus;
    struct smew__peer *peer;
    struct remote *remote;
    enum smew_status status = SMEW_PEER_DEAD;

    if (node.slot != bus->self.slot) /* our own are in the other list */
        status = smew__peer_get(bus, node, &peer);
    if (status == SMEW_PEER_DEAD)
        return true; /* the dead want nothing */
    remote = status ? NULL : smew__calloc(1, sizeof(*remote));
    if (remote)
        remote->topic = smew__strdup(topic);
    if (!remote || !remote->topic) {
        smew__free(remote);
        gathering->status = SMEW_NO_MEMORY;
        return true; /* this node misses messages until the next look: at most once */
    }
    remote->peer = peer;
    smew__list_append(&bus->topics.remotes, &remote->link);
    atomic_fetch_add_explicit(&bus->topics.wanted, 1, memory_order_relaxed);
    return true;
}

static void refresh(struct smew_bus *bus)
{
    uint64_t epoch = smew__directory_topic_epoch(bus->directory);
    struct gathering gathering = {.bus = bus};

    if (atomic_load_explicit(&bus->topics.epoch, memory_order_relaxed) == epoch)
        return;
    drop_remotes(bus);
    if (smew__directory_each_subscription(bus->directory, add_remote, &gathering) ||
        gathering.status)
        epoch--; /* not all of them: look again next time */
    atomic_store_explicit(&bus->topics.epoch, epoch, memory_order_relaxed);
}

/* ---- fanning out --------------------------------------------------------------------- */

static void unref(struct smew_subscription *subscription)
{
    if (--subscription->references > 0)
        return;
    smew__free(subscription->topic);
    smew__free(subscription);
}

static bool give(struct smew_bus *bus, struct smew_subscription *subscription,
                 struct smew_message *message);

/* Nothing followed what did not fit: the count goes out on its own. */
static void tell_missed(struct smew_bus *bus, struct smew_subscription *subscription)
{
    struct smew__envelope envelope = smew__missed_envelope(bus, 0);
    struct smew_message *message = smew__message_create(&envelope);

    if (message) /* else it waits for the next message */
        (void)give(bus, subscription, message);
    smew__message_unref(message);
}

static void run_copy(struct smew_bus *bus, struct smew__due *due)
{
    struct copy *copy = SMEW_CONTAINER(due, struct copy, due);
    struct smew_subscription *subscription = copy->subscription;
    bool ended;

    smew__bus_lock(copy->bus);
    subscription->queued--;
    ended = subscription->ended || !bus;
    smew__bus_unlock(copy->bus);
    if (!ended) {
        copy->message->missed = copy->missed;
        smew__handler_enter(bus, NULL);
        subscription->handler(bus, copy->message, subscription->user);
        smew__handler_leave(bus);
    }
    smew__bus_lock(copy->bus);
    if (!ended && subscription->missed && !subscription->queued)
        tell_missed(bus, subscription);
    unref(subscription);
    smew__bus_unlock(copy->bus);
    smew__message_unref(copy->message);
    smew__free(copy);
}

/* False when it does not fit; whether that is a message missed, the caller knows. */
static bool give(struct smew_bus *bus, struct smew_subscription *subscription,
                 struct smew_message *message)
{
    struct copy *copy = NULL;

    if (message && subscription->queued < bus->options.publish_queue)
        copy = smew__alloc(sizeof(*copy));
    if (!copy)
        return false;
    smew__message_ref(message);
    *copy = (struct copy){.bus = bus,
                          .subscription = subscription,
                          .message = message,
                          .missed = subscription->missed};
    subscription->missed = 0;
    subscription->queued++;
    subscription->references++;
    smew__due_post(bus, &copy->due, run_copy);
    return true;
}

/* To our own subscriptions; `topic` NULL: to all; `message` NULL: lost for want of memory. */
static void fan_out(struct smew_bus *bus, const char *topic, uint64_t missed,
                    struct smew_message *message)
{
    SMEW_LIST_EACH (link, &bus->topics.subscriptions) {
        struct smew_subscription *subscription =
            SMEW_CONTAINER(link, struct smew_subscription, link);

        if (topic && !matches(subscription->topic, topic))
            continue;
        subscription->missed += missed;
        if (!give(bus, subscription, message) && topic) { /* a mere count is not missed */
            subscription->missed++;
            bus->stats.publish_missed++;
        }
    }
}

struct smew__envelope smew__missed_envelope(const struct smew_bus *bus, uint64_t missed)
{
    struct smew__envelope envelope = {.kind = SMEW_KIND_CONTROL,
                                      .source = {bus->address, strlen(bus->address)},
                                      .target = {missed_event, sizeof(missed_event) - 1},
                                      .event = {missed_event, sizeof(missed_event) - 1},
                                      .payload = "",
                                      .missed = missed};

    smew__send_stamp(bus, &envelope);
    return envelope;
}

void smew__topic_receive(struct smew_bus *bus, const struct smew__envelope *envelope)
{
    struct smew_message *message = smew__message_create(envelope);
    char topic[SMEW_ID_MAX + 1];

    memcpy(topic, envelope->target.data, envelope->target.size);
    topic[envelope->target.size] = '\0';
    fan_out(bus, envelope->kind == SMEW_KIND_CONTROL ? NULL : topic, envelope->missed, message);
    smew__message_unref(message);
}

/* One copy to each node that wants the topic. */
static void send_out(struct smew_bus *bus, const char *topic, struct smew_message *message)
{
    bus->topics.publications++;
    SMEW_LIST_EACH (link, &bus->topics.remotes) {
        struct remote *remote = SMEW_CONTAINER(link, struct remote, link);

        if (remote->peer->publication == bus->topics.publications || !matches(remote->topic, topic))
            continue;
        remote->peer->publication = bus->topics.publications;
        smew__peer_publish(remote->peer, message);
    }
}

/* ---- public -------------------------------------------------------------------------- */

/* Without the lock: nobody on the bus wants anything. */
static bool nobody(struct smew_bus *bus)
{
    return atomic_load_explicit(&bus->topics.epoch, memory_order_relaxed) ==
               smew__directory_topic_epoch(bus->directory) &&
           atomic_load_explicit(&bus->topics.wanted, memory_order_relaxed) == 0;
}

bool smew_bus_has_subscribers(struct smew_bus *bus, const char *topic)
{
    bool found = false;

    if (!topic || !smew__bus_ours(bus) || nobody(bus))
        return false;
    smew__bus_lock(bus);
    refresh(bus);
    SMEW_LIST_EACH (link, &bus->topics.subscriptions)
        found |= matches(SMEW_CONTAINER(link, struct smew_subscription, link)->topic, topic);
    SMEW_LIST_EACH (link, &bus->topics.remotes)
        found |= matches(SMEW_CONTAINER(link, struct remote, link)->topic, topic);
    smew__bus_unlock(bus);
    return found;
}

enum smew_status smew_bus_publish(struct smew_bus *bus, const char *topic, const char *event,
                                  const void *payload, size_t size_bytes, enum smew_content content)
{
    struct smew__envelope envelope = {.kind = SMEW_KIND_PUBLISH,
                                      .content = content,
                                      .payload = payload,
                                      .payload_size = size_bytes};
    struct smew_message *message;
    enum smew_status status = SMEW_OK;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!topic || !event || (size_bytes && !payload) || strchr(topic, '*') ||
        !smew__text_is_name(topic, strlen(topic)) || !smew__text_is_name(event, strlen(event)))
        return SMEW_INVALID;
    if (size_bytes > bus->options.payload_max)
        return SMEW_TOO_BIG;
    if (nobody(bus))
        return SMEW_OK;
    envelope.source = (struct smew__text){bus->address, strlen(bus->address)};
    envelope.target = (struct smew__text){topic, strlen(topic)};
    envelope.event = (struct smew__text){event, strlen(event)};
    smew__send_stamp(bus, &envelope);
    message = smew__message_create(&envelope);
    if (!message)
        return SMEW_NO_MEMORY;
    smew__bus_lock(bus);
    if (bus->closing) {
        status = SMEW_CLOSED;
    } else {
        refresh(bus);
        bus->stats.published++;
        fan_out(bus, topic, 0, message);
        send_out(bus, topic, message);
    }
    smew__bus_unlock(bus);
    smew__message_unref(message);
    return status;
}

/* The last one for a topic takes the note back.  With the lock held. */
static bool noted_elsewhere(const struct smew_bus *bus, const char *topic)
{
    SMEW_LIST_EACH (link, &bus->topics.subscriptions) {
        if (strcmp(SMEW_CONTAINER(link, struct smew_subscription, link)->topic, topic) == 0)
            return true;
    }
    return false;
}

enum smew_status smew_bus_subscribe(struct smew_bus *bus, const char *topic,
                                    smew_handler_fn handler, void *user,
                                    struct smew_subscription **subscription)
{
    struct smew_subscription *made;
    enum smew_status status = SMEW_OK;

    if (!smew__bus_ours(bus))
        return SMEW_FORKED;
    if (!topic || !handler || !subscription || !smew__pattern_valid(topic))
        return SMEW_INVALID;
    made = smew__calloc(1, sizeof(*made));
    if (made)
        made->topic = smew__strdup(topic);
    if (!made || !made->topic) {
        smew__free(made);
        return SMEW_NO_MEMORY;
    }
    made->handler = handler;
    made->user = user;
    made->references = 1;
    smew__bus_lock(bus);
    if (!noted_elsewhere(bus, topic))
        status = smew__directory_subscribe(bus->directory, topic);
    if (!status) {
        smew__list_append(&bus->topics.subscriptions, &made->link);
        atomic_fetch_add_explicit(&bus->topics.wanted, 1, memory_order_relaxed);
    }
    smew__bus_unlock(bus);
    if (status) {
        smew__free(made->topic);
        smew__free(made);
        return status;
    }
    *subscription = made;
    return SMEW_OK;
}

/* With the lock held. */
static void end_subscription(struct smew_bus *bus, struct smew_subscription *subscription)
{
    subscription->ended = true;
    smew__list_remove(&subscription->link);
    atomic_fetch_sub_explicit(&bus->topics.wanted, 1, memory_order_relaxed);
    if (!noted_elsewhere(bus, subscription->topic))
        (void)smew__directory_unsubscribe(bus->directory, subscription->topic);
    unref(subscription);
}

void smew_bus_unsubscribe(struct smew_bus *bus, struct smew_subscription *subscription)
{
    if (!subscription || !smew__bus_ours(bus))
        return;
    smew__bus_lock(bus);
    end_subscription(bus, subscription);
    smew__bus_unlock(bus);
}

void smew__topic_silence(struct smew_bus *bus)
{
    SMEW_LIST_EACH (link, &bus->topics.subscriptions)
        SMEW_CONTAINER(link, struct smew_subscription, link)->ended = true;
}

void smew__topic_init(struct smew_bus *bus)
{
    smew__list_init(&bus->topics.subscriptions);
    smew__list_init(&bus->topics.remotes);
}

void smew__topic_fini(struct smew_bus *bus)
{
    drop_remotes(bus);
    while (!smew__list_empty(&bus->topics.subscriptions))
        end_subscription(
            bus, SMEW_CONTAINER(bus->topics.subscriptions.next, struct smew_subscription, link));
}
