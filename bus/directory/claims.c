/* SPDX-License-Identifier: MIT */
/*
 * Claims: who hosts which machine.
 *
 * Happy path of a claim: nobody has the name; it is written into the own announcement; a cell of
 * its bucket goes FREE -> PENDING; a second look at the bucket finds no rival; no other node's
 * pattern covers the name; PENDING -> EFFECTIVE.  A lookup reads the one bucket, then for each
 * length of pattern in use, from long to short, another one.
 *
 * The rules, for a claimer whose PENDING cell has index i, on meeting a cell j of the same name
 * whose owner lives (a cell whose owner is dead is as good as free):
 *
 *     j is NOTED or EFFECTIVE     withdraw: CLAIMED
 *     j is PENDING, j < i         withdraw: CLAIMED
 *     j is PENDING, j > i         j: PENDING -> FREE; if that fails, look at j again
 *     none (left)                 i: PENDING -> EFFECTIVE or NOTED; if that fails, a rival was
 *                                 faster: begin again
 *
 * Never two owners.  Let "held" mean NOTED or EFFECTIVE, and let A and B be attempts at one name
 * that both get held while neither has been given back.  All of these operations are sequentially
 * consistent, so one of the two became PENDING later, say B; B scans after that and so after A
 * became PENDING.  Cells do not move, so B's scan loads A's cell and finds it PENDING or held; it
 * cannot find it free, for then A's attempt would be over.  If held, B withdraws.  If PENDING with
 * a lower index, B withdraws.  If PENDING with a higher index, B sets it free before it goes on:
 * either that succeeds, and A's own swap from PENDING then fails; or it fails, because A's cell has
 * changed, and B looks again: held, or free.  In no case do both get there.  (An attempt that
 * is begun again is a new attempt: it becomes PENDING anew and scans anew.)
 *
 * Never nobody, and no waiting.  CLAIMED because of a PENDING cell is an answer that needs no
 * wait: of all PENDING cells of a name the lowest yields only to a holder, and each other one
 * yields only to a lower one or a holder; so somebody gets it, or dies trying, or gives up because
 * it ran out of memory, which looks the same as having held it for a moment.  A stopped process
 * therefore stops nobody.
 *
 * Killed anywhere.  After the entry: garbage in a file that is reaped.  PENDING: stays so, and
 * rivals ask the kernel, learn that its owner is dead, and pass over it.  NOTED or EFFECTIVE: the
 * same.  Setting a rival's PENDING free and dying: the rival begins again and wins.  Between
 * the cell and the epoch: see layout.h.
 *
 * What may be mistaken for something else.  A cell's value comes again only if the same
 * generation of the same slot wants a name of the same tag with the same entry: to set such a
 * PENDING cell free by mistake makes its owner begin again; a held one is never set free by others
 * while its owner's generation is in use.  A dead owner's value cannot come again before its slot
 * was swept.
 *
 * Noted claims.  A name inside the pattern of another living node belongs to that node until it
 * has let go, so the claim is held but not effective.  Patterns are looked for before and after
 * the swap to EFFECTIVE: one that the second look does not see became effective later, when our
 * claim already won over it.
 */
#include "bus/directory/cells.h"

/*
 * Each new beginning, each second look at a rival's cell, and each burial on the way was caused by
 * somebody's progress; so many can only be a scribbler's work, and the answer is CORRUPT.
 */
enum { ATTEMPTS = 10000, LOOKS = 1000, BURIALS = 4 * SMEW__DIRECTORY_NODES };

static bool is_own(const struct smew__directory *directory, const struct smew__found *found)
{
    return found->owner.slot == directory->self.slot;
}

/* ---- looking ------------------------------------------------------------------------- */

static enum smew_status find_effective(struct smew__directory *directory,
                                       const struct smew__key *key, struct smew__found *found)
{
    struct smew__row row = smew__row_claims(directory, key);
    enum smew_status status;
    unsigned from = 0;

    do {
        status = smew__row_find(directory, row, key, from, found);
        from = found->index + 1;
    } while (status == SMEW_OK && smew__cell_state(found->value) != SMEW__CELL_EFFECTIVE);
    return status;
}

/* The effective pattern with the longest prefix of at most `most` bytes that begins the text. */
static enum smew_status find_pattern(struct smew__directory *directory, const char *text,
                                     size_t most, struct smew__found *found)
{
    size_t word = most / 64;
    uint64_t mask = UINT64_MAX >> (63 - most % 64);

    for (;; word--, mask = UINT64_MAX) {
        uint64_t bits = atomic_load(&directory->board->header.lengths[word]) & mask;

        while (bits != 0) {
            size_t bit = 63 - (size_t)__builtin_clzll(bits);
            struct smew__key key = smew__key_prefix(text, word * 64 + bit);
            enum smew_status status = find_effective(directory, &key, found);

            if (status != SMEW_NOT_FOUND)
                return status;
            bits &= ~(UINT64_C(1) << bit);
        }
        if (word == 0)
            return SMEW_NOT_FOUND;
    }
}

enum smew_status smew__directory_lookup(struct smew__directory *directory, const char *id,
                                        struct smew__node_ref *owner)
{
    struct smew__found found;
    struct smew__key key;
    enum smew_status status = smew__key_parse(id, &key);

    if (status != SMEW_OK)
        return status;
    status = find_effective(directory, &key, &found);
    if (status == SMEW_NOT_FOUND)
        status = find_pattern(directory, key.text, key.size, &found);
    if (status == SMEW_OK)
        *owner = found.owner;
    return status == SMEW_NOT_FOUND ? SMEW_NO_MACHINE : status;
}

/* The living other node whose pattern covers the key now: OK, NOT_FOUND, or why not to tell. */
static enum smew_status find_cover(struct smew__directory *directory, const struct smew__key *key,
                                   struct smew__node_ref *owner)
{
    struct smew__found found;
    enum smew_status status;
    int burials = 0;

    if (key->kind == SMEW__KEY_PREFIX && key->size == 0)
        return SMEW_NOT_FOUND;
    do {
        if (burials++ == BURIALS)
            return SMEW_CORRUPT;
        status = find_pattern(directory, key->text,
                              key->kind == SMEW__KEY_PREFIX ? key->size - 1 : key->size, &found);
        if (status == SMEW_OK && is_own(directory, &found))
            return SMEW_NOT_FOUND;
    } while (status == SMEW_OK && smew__directory_bury(directory, found.owner));
    if (status == SMEW_OK)
        *owner = found.owner;
    return status;
}

/* ---- claiming ------------------------------------------------------------------------ */

/*
 * Looks for rivals of the PENDING cell `mine` (row.count: we have none yet).  OK when there is
 * none, CLAIMED with the rival, EXISTS when an earlier claim of ours has the name.
 */
static enum smew_status contest(struct smew__directory *directory, struct smew__row row,
                                const struct smew__key *key, unsigned mine,
                                struct smew__found *found)
{
    unsigned from = 0;

    for (int looks = 0; looks < LOOKS;) {
        enum smew_status status = smew__row_find(directory, row, key, from, found);
        bool pending;

        if (status != SMEW_OK)
            return status == SMEW_NOT_FOUND ? SMEW_OK : status;
        from = found->index + 1;
        pending = smew__cell_state(found->value) == SMEW__CELL_PENDING;
        if (is_own(directory, found)) {
            if (pending)
                continue;
            return SMEW_EXISTS;
        }
        if (smew__directory_bury(directory, found->owner))
            continue;
        if (!pending || found->index < mine || mine == row.count)
            return SMEW_CLAIMED;
        if (!smew__cell_swap(&row.cells[found->index], found->value, 0)) {
            from = found->index;
            looks++;
        }
    }
    return SMEW_CORRUPT;
}

bool smew__directory_contested(struct smew__directory *directory, const char *id)
{
    struct smew__found found;
    struct smew__key key;
    struct smew__row row;

    if (smew__key_parse(id, &key) != SMEW_OK)
        return false;
    row = smew__row_claims(directory, &key);
    return contest(directory, row, &key, row.count, &found) == SMEW_CLAIMED;
}

/*
 * Makes a PENDING or NOTED cell effective, or noted where another node's pattern covers the name.
 * OK, AGAIN with that node; BUSY when a rival set our cell free.
 */
static enum smew_status settle(struct smew__directory *directory, smew__cell *cell, uint64_t value,
                               const struct smew__key *key, struct smew__node_ref *owner)
{
    uint64_t noted = smew__cell_turn(value, SMEW__CELL_NOTED);
    uint64_t effective = smew__cell_turn(value, SMEW__CELL_EFFECTIVE);
    enum smew_status status = find_cover(directory, key, owner);

    if (status == SMEW_OK)
        return smew__cell_swap(cell, value, noted) ? SMEW_AGAIN : SMEW_BUSY;
    if (status != SMEW_NOT_FOUND)
        return status;
    if (!smew__cell_swap(cell, value, effective))
        return SMEW_BUSY;
    status = find_cover(directory, key, owner);
    if (status == SMEW_NOT_FOUND)
        return SMEW_OK;
    /* The pattern came at the same time as we, and its host may serve the name already. */
    if (!smew__cell_swap(cell, effective, status == SMEW_OK ? noted : value))
        return SMEW_BUSY;
    return status == SMEW_OK ? SMEW_AGAIN : status;
}

/* One attempt with a name that is written down.  As settle(), and FULL or CLAIMED. */
static enum smew_status attempt(struct smew__directory *directory, const struct smew__key *key,
                                uint32_t at, struct smew__node_ref *owner)
{
    struct smew__row row = smew__row_claims(directory, key);
    uint64_t value = smew__cell_make(SMEW__CELL_PENDING, directory->self, at, key->hash);
    struct smew__found found;
    unsigned mine;
    enum smew_status status = smew__row_take(directory, row, value, &mine);

    if (status != SMEW_OK)
        return status;
    status = contest(directory, row, key, mine, &found);
    if (status == SMEW_CLAIMED)
        *owner = found.owner;
    if (status == SMEW_OK)
        status = settle(directory, &row.cells[mine], value, key, owner);
    if (status == SMEW_OK || status == SMEW_AGAIN)
        return status;
    (void)smew__cell_swap(&row.cells[mine], value, 0);
    directory->cells--;
    return status;
}

/* Claims a name that we do not hold and that nobody held a moment ago. */
static enum smew_status claim_new(struct smew__directory *directory, const struct smew__key *key,
                                  struct smew__node_ref *owner)
{
    enum smew_status status;
    uint32_t at;

    status = smew__names_add(directory, key, &at);
    if (status != SMEW_OK)
        return status;
    if (key->kind == SMEW__KEY_PREFIX)
        (void)atomic_fetch_or(&directory->board->header.lengths[key->size / 64],
                              UINT64_C(1) << key->size % 64);
    status = SMEW_BUSY;
    for (int i = 0; status == SMEW_BUSY && i < ATTEMPTS; i++)
        status = attempt(directory, key, at, owner);
    if (status == SMEW_OK || status == SMEW_AGAIN)
        return status;
    smew__names_drop(directory, key, at);
    return status;
}

enum smew_status smew__directory_claim(struct smew__directory *directory, const char *id,
                                       struct smew__node_ref *owner)
{
    struct smew__found found;
    struct smew__key key;
    struct smew__row row;
    enum smew_status status = smew__key_parse(id, &key);

    if (status != SMEW_OK)
        return status;
    row = smew__row_claims(directory, &key);
    status = contest(directory, row, &key, row.count, &found);
    if (status == SMEW_CLAIMED)
        *owner = found.owner;
    if (status == SMEW_OK)
        status = claim_new(directory, &key, owner);
    else if (status == SMEW_EXISTS && smew__cell_state(found.value) == SMEW__CELL_NOTED)
        status = settle(directory, &row.cells[found.index], found.value, &key, owner);
    if (status == SMEW_OK || status == SMEW_AGAIN)
        smew__epoch_move(&directory->board->header.epoch);
    return status == SMEW_BUSY ? SMEW_CORRUPT : status;
}

enum smew_status smew__directory_confirm(struct smew__directory *directory, const char *id)
{
    struct smew__found found;
    struct smew__key key;
    struct smew__row row;
    enum smew_status status = smew__key_parse(id, &key);

    if (status != SMEW_OK)
        return status;
    row = smew__row_claims(directory, &key);
    status = smew__row_find_own(directory, row, &key, &found);
    if (status != SMEW_OK)
        return status;
    if (!smew__cell_swap(&row.cells[found.index], found.value,
                         smew__cell_turn(found.value, SMEW__CELL_EFFECTIVE)))
        return SMEW_NOT_FOUND;
    smew__epoch_move(&directory->board->header.epoch);
    return SMEW_OK;
}

enum smew_status smew__directory_release(struct smew__directory *directory, const char *id)
{
    struct smew__found found;
    struct smew__key key;
    struct smew__row row;
    enum smew_status status = smew__key_parse(id, &key);

    if (status != SMEW_OK)
        return status;
    row = smew__row_claims(directory, &key);
    status = smew__row_find_own(directory, row, &key, &found);
    if (status == SMEW_OK)
        status = smew__row_give(directory, row, &key, &found);
    if (status == SMEW_OK)
        smew__epoch_move(&directory->board->header.epoch);
    return status;
}

const _Atomic uint64_t *smew__directory_epoch(const struct smew__directory *directory)
{
    return &directory->board->header.epoch;
}

void smew__directory_each_claim(struct smew__directory *directory, smew__directory_claim_fn fn,
                                void *user)
{
    for (size_t i = 0; i < (size_t)SMEW__BUCKETS * SMEW__BUCKET_CELLS; i++) {
        smew__cell *cell =
            &directory->board->claims[i / SMEW__BUCKET_CELLS][i % SMEW__BUCKET_CELLS];
        struct smew__found found;
        struct smew__name name;

        if (smew__cell_read(directory, cell, NULL, &found, &name) == SMEW_OK &&
            smew__cell_state(found.value) == SMEW__CELL_EFFECTIVE &&
            !fn(smew__name_text(&name), found.owner, user))
            return;
    }
}
