/* Several ports on threads of their own, at once. */
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "contract.h"

#define RACERS 8
/* Of one write in a loop; a store that makes it longer never comes to an end. */
#define TRIES_MAX 100000

/*
 * Brings the racers together before each round, so that they do collide. One
 * that has failed doesn't come: the others go on without it.
 */
static void meet(_Atomic unsigned *arrived) {
  atomic_fetch_add(arrived, 1);
  for (unsigned i = 0; i < 2000 && atomic_load(arrived) % RACERS != 0; i++) (void)sched_yield();
}

/* --- Compare-and-swap ------------------------------------------------------------- */

#define ROUNDS_MAX 200

typedef struct duel {
  unsigned rounds;
  uint64_t expected;
  key16 keys[ROUNDS_MAX];
  _Atomic unsigned arrived[ROUNDS_MAX];
  _Atomic unsigned wins[ROUNDS_MAX];
  uint8_t winners[ROUNDS_MAX][SJ__WRITE_ID_SIZE]; /* the first winner writes its own */
} duel;

static void fight(seat *s) {
  duel *self = s->shared;
  for (unsigned i = 0; i < self->rounds; i++) {
    sj__record record = new_record(s, self->keys[i].bytes, NULL);
    record.version = self->expected + 1;
    meet(&self->arrived[i]);
    op *write = put(s, encode(s, &record, 64), self->expected);
    if (write->status == SJ_OK) {
      bool is_first = atomic_fetch_add(&self->wins[i], 1) == 0;
      if (is_first) memcpy(self->winners[i], record.write_ids[0], SJ__WRITE_ID_SIZE);
    } else {
      EXPECT_STATUS(write, SJ_CONFLICT);
      EXPECT(version_of(write->record) == self->expected + 1);
    }
  }
}

static void expect_single_winners(seat *s, duel *self) {
  for (unsigned i = 0; i < self->rounds; i++) {
    EXPECT(self->wins[i] == 1);
    op *read = get(s, self->keys[i].bytes);
    EXPECT_STATUS(read, SJ_OK);
    EXPECT(memcmp(sj__record_newest_write_id(read->record), self->winners[i], SJ__WRITE_ID_SIZE) ==
           0);
  }
}

static unsigned rounds(seat *s, unsigned each) {
  unsigned all = each * s->suite->effort;
  return all < ROUNDS_MAX ? all : ROUNDS_MAX;
}

static void create_has_one_winner(seat *s) {
  static duel self;
  memset(&self, 0, sizeof(self));
  self.rounds = rounds(s, 20);
  for (unsigned i = 0; i < self.rounds; i++) self.keys[i] = random_key(s);
  race(s, RACERS, fight, &self);
  expect_single_winners(s, &self);
}

static void cas_has_one_winner(seat *s) {
  static duel self;
  memset(&self, 0, sizeof(self));
  self.rounds = rounds(s, 20);
  self.expected = 1;
  for (unsigned i = 0; i < self.rounds; i++) self.keys[i] = create(s, NULL);
  race(s, RACERS, fight, &self);
  expect_single_winners(s, &self);
}

typedef struct counting {
  key16 key;
  unsigned increments;
} counting;

/* Patches as the engine does: on a conflict, again onto what the conflict brought. */
static void increment(seat *s) {
  counting *self = s->shared;
  sj_slice stored = get(s, self->key.bytes)->record;
  unsigned tries = 0;
  for (unsigned done = 0; done < self->increments;) {
    sj__record record;
    EXPECT(tries++ < TRIES_MAX);
    EXPECT(sj__record_parse(stored, &record) == SJ_OK);
    record.generation++;
    next_version(s, &record);
    sj_slice next = encode(s, &record, 64);
    op *write = op_put(s, next, record.version - 1);
    write->call.in.put.write_class = SJ__WRITE_RELAXED;
    run(write);
    if (write->status == SJ_OK) done++;
    EXPECT(write->status == SJ_OK || write->status == SJ_CONFLICT);
    stored = write->status == SJ_OK ? next : write->record;
  }
}

static void no_update_is_lost(seat *s) {
  counting self = {.key = create(s, NULL), .increments = rounds(s, 10)};
  race(s, RACERS, increment, &self);
  sj__record record;
  EXPECT(sj__record_parse(get(s, self.key.bytes)->record, &record) == SJ_OK);
  EXPECT(record.version == 1 + RACERS * self.increments);
  EXPECT(record.generation == RACERS * self.increments);
}

/* --- Ending ------------------------------------------------------------------------- */

typedef struct ending {
  unsigned rounds;
  key16 keys[ROUNDS_MAX];
  _Atomic unsigned arrived[ROUNDS_MAX];
  _Atomic bool acknowledged[ROUNDS_MAX];
  _Atomic uint64_t counted;
} ending;

static void fill(seat *s, ending *self, unsigned each) {
  memset(self, 0, sizeof(*self));
  self->rounds = rounds(s, each);
  for (unsigned i = 0; i < self->rounds; i++) self->keys[i] = create(s, NULL);
}

static void end_each(seat *s, ending *self) {
  for (unsigned i = 0; i < self->rounds; i++) {
    meet(&self->arrived[i]);
    EXPECT_STATUS(end(s, self->keys[i].bytes), SJ_OK);
    atomic_store(&self->acknowledged[i], true);
  }
}

/* Writes, touches and reads one session until it is ended. */
static void write_until_ended(seat *s, const uint8_t *key, const _Atomic bool *acknowledged) {
  uint64_t version = 1;
  bool is_ended = false;
  for (unsigned tries = 0; !is_ended; tries++) {
    bool was_acknowledged = atomic_load(acknowledged);
    sj__record record = new_record(s, key, NULL);
    record.version = version + 1;
    EXPECT(tries < TRIES_MAX);
    op *write = put(s, encode(s, &record, 64), version);
    EXPECT(write->status != SJ_OK || !was_acknowledged);
    EXPECT_STATUS(run(op_touch(s, key, s->now_ms + 1000 + tries)), SJ_OK);
    if (write->status == SJ_CONFLICT) version = version_of(write->record);
    if (write->status == SJ_OK) version++;
    is_ended = write->status == SJ_ENDED;
    op *read = get(s, key);
    EXPECT_STATUS(read, SJ_OK);
    bool is_active = state_of(read->record) == SJ__ACTIVE;
    EXPECT(!is_active || !(was_acknowledged || is_ended));
  }
}

static void end_or_write(seat *s) {
  ending *self = s->shared;
  if (s->index == 0) {
    end_each(s, self);
    return;
  }
  for (unsigned i = 0; i < self->rounds && !s->has_failed; i++) {
    meet(&self->arrived[i]);
    write_until_ended(s, self->keys[i].bytes, &self->acknowledged[i]);
  }
}

static void end_beats_every_write(seat *s) {
  static ending self;
  fill(s, &self, 10);
  race(s, RACERS, end_or_write, &self);
  for (unsigned i = 0; i < self.rounds; i++) {
    EXPECT(state_of(get(s, self.keys[i].bytes)->record) == SJ__ENDED);
  }
}

static void end_all(seat *s) {
  ending *self = s->shared;
  for (unsigned i = 0; i < self->rounds; i++) {
    op *each =
        run(op_end(s, self->keys[i].bytes, (sj__reason)(1 + s->index), s->now_ms + 86400000));
    EXPECT_STATUS(each, SJ_OK);
    atomic_fetch_add(&self->counted, each->count);
  }
}

static void end_counts_once(seat *s) {
  static ending self;
  fill(s, &self, 10);
  race(s, RACERS, end_all, &self);
  EXPECT(self.counted == self.rounds);
}

/* --- The index under rotation ----------------------------------------------------------- */

typedef struct turning {
  unsigned rotations;
  key16 tag;
  key16 first[RACERS];       /* every family's, made before the race */
  _Atomic unsigned rotating; /* racers that still do */
  _Atomic uint64_t ended;    /* how many of `dead` count */
  key16 dead[ROUNDS_MAX];
} turning;

/* A successor first, then the old one's tombstone, as a rotation does. */
static void rotate(seat *s, turning *self) {
  key16 key = self->first[s->index];
  for (unsigned i = 0; i < self->rotations; i++) {
    key16 successor = create(s, self->tag.bytes);
    sj__record record = new_record(s, key.bytes, self->tag.bytes);
    sj_slice ended = encode_ended(s, &record, SJ__REASON_SUPERSEDED, s->now_ms + 86400000);
    EXPECT_STATUS(put(s, ended, 1), SJ_OK);
    key = successor;
  }
}

static void list_all(seat *s, turning *self) {
  while (atomic_load(&self->rotating) > 0) {
    op *listed = run(op_list(s, self->tag.bytes, NULL, 100));
    EXPECT_STATUS(listed, SJ_OK);
    EXPECT(listed->item_count >= RACERS - 1); /* never a moment without each family */
    EXPECT(listed->item_count <= 2 * (RACERS - 1));
    for (size_t i = 0; i < listed->item_count; i++) {
      EXPECT(state_of(listed->items[i]) == SJ__ACTIVE);
    }
  }
}

static void rotate_or_list(seat *s) {
  turning *self = s->shared;
  if (s->index == 0) {
    list_all(s, self);
  } else {
    rotate(s, self);
    atomic_fetch_sub(&self->rotating, 1);
  }
}

static void prepare_turning(seat *s, turning *self) {
  memset(self, 0, sizeof(*self));
  self->rotations = rounds(s, 20);
  self->tag = random_key(s);
  self->rotating = RACERS - 1;
}

static void list_misses_no_rotating_session(seat *s) {
  static turning self;
  prepare_turning(s, &self);
  for (unsigned i = 1; i < RACERS; i++) self.first[i] = create(s, self.tag.bytes);
  race(s, RACERS, rotate_or_list, &self);
}

static void create_and_end(seat *s, turning *self) {
  for (unsigned i = 0; i < self->rotations; i++) {
    key16 key = create(s, self->tag.bytes);
    EXPECT_STATUS(end(s, key.bytes), SJ_OK);
    if (s->index != 1) continue;
    self->dead[i] = key; /* one writer's are looked for */
    atomic_store(&self->ended, i + 1);
  }
}

static void look_for_dead(seat *s, turning *self) {
  while (atomic_load(&self->rotating) > 0) {
    uint64_t ended = atomic_load(&self->ended);
    op *listed = run(op_list(s, self->tag.bytes, NULL, 100));
    for (uint64_t i = ended > 10 ? ended - 10 : 0; i < ended; i++) {
      EXPECT(!has_key(listed, self->dead[i].bytes));
    }
  }
}

static void end_or_list(seat *s) {
  turning *self = s->shared;
  if (s->index == 0) {
    look_for_dead(s, self);
  } else {
    create_and_end(s, self);
    atomic_fetch_sub(&self->rotating, 1);
  }
}

static void list_shows_none_that_was_ended_before(seat *s) {
  static turning self;
  prepare_turning(s, &self);
  race(s, RACERS, end_or_list, &self);
}

/* --- Sweeping and marks ------------------------------------------------------------------ */

/* All that is garbage an hour from now. */
static void sweep_an_hour_ahead(seat *s, turning *self) {
  while (atomic_load(&self->rotating) > 0) {
    EXPECT_STATUS(run(op_sweep(s, s->now_ms + 3600000, 5)), SJ_OK);
  }
}

static void use_an_hour_ahead(seat *s, turning *self) {
  for (unsigned i = 0; i < self->rotations; i++) {
    key16 key = random_key(s);
    sj__record record = new_record(s, key.bytes, NULL);
    record.last_seen_ms += 3600000;
    EXPECT_STATUS(put(s, encode(s, &record, 64), 0), SJ_OK);
    next_version(s, &record);
    EXPECT_STATUS(put(s, encode(s, &record, 64), 1), SJ_OK);
    EXPECT_STATUS(get(s, key.bytes), SJ_OK);
    (void)create(s, NULL); /* garbage then */
  }
}

static void sweep_or_use(seat *s) {
  turning *self = s->shared;
  if (s->index == 0) {
    sweep_an_hour_ahead(s, self);
  } else {
    use_an_hour_ahead(s, self);
    atomic_fetch_sub(&self->rotating, 1);
  }
}

static void sweep_spares_the_living(seat *s) {
  static turning self;
  prepare_turning(s, &self);
  race(s, RACERS, sweep_or_use, &self);
}

#define MARKS_EACH 50

typedef struct marking {
  sj__cursor from;
  uint8_t marks[RACERS * MARKS_EACH][SJ__MARK_SIZE];
  _Atomic unsigned marking;
} marking;

static void mark_many(seat *s, marking *self) {
  for (unsigned i = 0; i < MARKS_EACH; i++) {
    sj_slice mark = new_mark(s, s->now_ms + 86400000);
    memcpy(self->marks[(s->index - 1) * MARKS_EACH + i], mark.data, SJ__MARK_SIZE);
    EXPECT_STATUS(run(op_mark(s, mark)), SJ_OK);
  }
}

/* Follows the marks while they are being made; every one must come by once. */
static void follow_marks(seat *s, marking *self) {
  unsigned seen = 0;
  sj__cursor cursor = self->from;
  for (bool is_last = false; !is_last;) {
    is_last = atomic_load(&self->marking) == 0;
    op *page;
    do {
      page = run(op_marks(s, &cursor, 7));
      EXPECT_STATUS(page, SJ_OK);
      seen += (unsigned)page->item_count;
      cursor = page->call.cursor_next;
    } while (page->item_count > 0);
  }
  EXPECT(seen == (RACERS - 1) * MARKS_EACH);
}

static void mark_or_follow(seat *s) {
  marking *self = s->shared;
  if (s->index == 0) {
    follow_marks(s, self);
  } else {
    mark_many(s, self);
    atomic_fetch_sub(&self->marking, 1);
  }
}

static void marks_tail_misses_none(seat *s) {
  static marking self;
  memset(&self, 0, sizeof(self));
  self.marking = RACERS - 1;
  for (op *page; (page = run(op_marks(s, &self.from, 1000)))->status == SJ_OK;) {
    self.from = page->call.cursor_next;
    if (page->item_count == 0) break;
  }
  race(s, RACERS, mark_or_follow, &self);
}

const clause race_clauses[] = {
    {"race.create_has_one_winner", create_has_one_winner, 0},
    {"race.cas_has_one_winner", cas_has_one_winner, 0},
    {"race.no_update_is_lost", no_update_is_lost, 0},
    {"race.end_beats_every_write", end_beats_every_write, 0},
    {"race.end_counts_once", end_counts_once, 0},
    {"race.list_misses_no_rotating_session", list_misses_no_rotating_session, 0},
    {"race.list_shows_none_that_was_ended_before", list_shows_none_that_was_ended_before, 0},
    {"race.sweep_spares_the_living", sweep_spares_the_living, NEEDS_SWEEP},
    {"race.marks_tail_misses_none", marks_tail_misses_none, NEEDS_MARKS},
    {NULL, NULL, 0},
};
