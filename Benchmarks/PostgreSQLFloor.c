/* The least that a durable relay on PostgreSQL can do: one connection, and in each transaction a batch of prepared
 * inserts of 1 KiB, sent in one go (libpq's pipeline mode), committed to disk. No heads, no quotas, no names, nothing read.
 *
 * With MAILBOXES, the least that the database has to do for a batch of accepts: lock heads in order of their ids and look
 * names up; then, from what the heads say, insert envelopes and names and update the heads. These are two round trips, as
 * no position is known before its head is locked.
 *
 * Usage: postgresql-floor ADDRESS BATCH ROWS [MAILBOXES]     prints rows per second
 */
#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 1024, ID = 16 };

static PGconn *connection;
static uint64_t state;

static void die(const char *what) {
    fprintf(stderr, "%s: %s", what, PQerrorMessage(connection));
    exit(69);
}

/* splitmix64 */
static uint64_t next(void) {
    uint64_t z = (state += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static void fill(char *bytes, int count) {
    for (int i = 0; i < count; i += 8) {
        uint64_t word = next();
        memcpy(bytes + i, &word, 8);
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static void run(const char *sql) {
    PGresult *result = PQexec(connection, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) die(sql);
    PQclear(result);
}

static void send_word(const char *sql) {
    if (!PQsendQueryParams(connection, sql, 0, NULL, NULL, NULL, NULL, 1)) die(sql);
}

/* Ends a round trip. Its answers go to `answers`, in order, and the caller clears them; with NULL they are cleared here. */
static void receive(PGresult **answers) {
    if (!PQpipelineSync(connection)) die("sync");
    for (int ended = 0; !ended;) {
        PGresult *result = PQgetResult(connection);
        if (result == NULL) continue;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) ended = 1;
        else if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) die("transaction");
        if (answers == NULL || ended) PQclear(result);
        else *answers++ = result;
    }
}

static void prepare(const char *name, const char *sql) {
    PGresult *result = PQprepare(connection, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) die(name);
    PQclear(result);
}

/* A batch of inserts. */

static void insert(int batch) {
    char mailbox[ID], id[ID], position[8] = {0}, bytes[SIZE];
    const char *values[] = {mailbox, position, id, bytes};
    const int lengths[] = {ID, 8, ID, SIZE}, formats[] = {1, 1, 1, 1};
    send_word("BEGIN");
    for (int i = 0; i < batch; i++) {
        fill(mailbox, ID);
        fill(id, ID);
        fill(bytes, SIZE);
        if (!PQsendQueryPrepared(connection, "put", 4, values, lengths, formats, 1)) die("insert");
    }
    send_word("COMMIT");
    receive(NULL);
}

static void create_table(void) {
    run("DROP TABLE IF EXISTS floor");
    run("CREATE TABLE floor (mailbox uuid, position bigint, id uuid, bytes bytea, PRIMARY KEY (mailbox, position))");
    run("ALTER TABLE floor ALTER COLUMN bytes SET STORAGE EXTERNAL");
    prepare("put", "INSERT INTO floor VALUES ($1, $2, $3, $4)");
}

static void drop_table(void) { run("DROP TABLE floor"); }

/* Arrays as PostgreSQL reads them: a head of five words, of which the third is the elements' type and the fourth their
 * count; then before each element its length. */

enum { UUID = 2950, BIGINT = 20, BYTEA = 17, HEAD = 20 };

struct array {
    char *bytes;
    int type, size, count;
};

static void put_word(char *place, uint32_t word) {
    word = htonl(word);
    memcpy(place, &word, 4);
}

/* For at most `most` elements, each of `size` bytes. */
static struct array array_of(int type, int size, int most) {
    struct array array = {calloc(1, HEAD + (size_t)most * (4 + size)), type, size, 0};
    if (array.bytes == NULL) exit(71);
    put_word(array.bytes, 1);
    put_word(array.bytes + 8, type);
    put_word(array.bytes + 16, 1);
    return array;
}

/* The place of one element more. */
static char *add(struct array *array) {
    char *place = array->bytes + HEAD + array->count++ * (4 + array->size);
    put_word(place, array->size);
    return place + 4;
}

static void add_number(struct array *array, uint64_t number) {
    char *place = add(array);
    put_word(place, number >> 32);
    put_word(place + 4, (uint32_t)number);
}

static uint64_t number(const PGresult *result, int row, int column) {
    uint32_t words[2];
    memcpy(words, PQgetvalue(result, row, column), 8);
    return (uint64_t)ntohl(words[0]) << 32 | ntohl(words[1]);
}

static void ask(const char *name, int count, const struct array *const *arrays) {
    const char *values[4];
    int lengths[4];
    const int formats[] = {1, 1, 1, 1};
    for (int i = 0; i < count; i++) {
        put_word(arrays[i]->bytes + 12, arrays[i]->count);
        values[i] = arrays[i]->bytes;
        lengths[i] = HEAD + arrays[i]->count * (4 + arrays[i]->size);
    }
    if (!PQsendQueryPrepared(connection, name, count, values, lengths, formats, 1)) die(name);
}

#define ASK(name, ...) \
    ask(name, sizeof((const struct array *[]){__VA_ARGS__}) / sizeof(void *), (const struct array *[]){__VA_ARGS__})

/* A batch of accepts. */

/* Ids of mailboxes in their order, which for PostgreSQL is the order of their bytes. */
static char (*mailboxes)[ID];
static int mailbox_count;
/* Mailboxes of a batch by their place in the list, ascending. */
static int *drawn;
/* Of each envelope of a batch. */
static struct array mailbox, id, position, bytes;
/* Of each of its heads, once, in order. */
static struct array head, next_position, counts, sizes;

static int by_id(const void *a, const void *b) { return memcmp(a, b, ID); }
static int by_place(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

static void accept_batch(int batch) {
    struct array *const all[] = {&mailbox, &id, &position, &bytes, &head, &next_position, &counts, &sizes};
    for (int i = 0; i < 8; i++) all[i]->count = 0;
    for (int i = 0; i < batch; i++) drawn[i] = next() % mailbox_count;
    qsort(drawn, batch, sizeof *drawn, by_place);
    for (int i = 0; i < batch; i++) {
        memcpy(add(&mailbox), mailboxes[drawn[i]], ID);
        fill(add(&id), ID);
        fill(add(&bytes), SIZE);
        if (i == 0 || drawn[i] != drawn[i - 1]) memcpy(add(&head), mailboxes[drawn[i]], ID);
    }
    send_word("BEGIN");
    ASK("lock", &head);
    ASK("look", &mailbox, &id);
    PGresult *answers[3];
    receive(answers);
    /* Each head was made, and ids are random. */
    if (PQntuples(answers[1]) != head.count || PQntuples(answers[2]) != 0) {
        fprintf(stderr, "A head is missing, or a name is known.\n");
        exit(70);
    }
    for (int i = 0, row = 0; i < batch; row++) {
        uint64_t before = number(answers[1], row, 0);
        int first = i;
        do add_number(&position, before + (i++ - first));
        while (i < batch && drawn[i] == drawn[first]);
        add_number(&next_position, before + (i - first));
        add_number(&counts, number(answers[1], row, 1) + (i - first));
        add_number(&sizes, number(answers[1], row, 2) + (uint64_t)SIZE * (i - first));
    }
    for (int i = 0; i < 3; i++) PQclear(answers[i]);
    ASK("envelopes", &mailbox, &position, &id, &bytes);
    ASK("names", &mailbox, &id, &position);
    ASK("heads", &head, &next_position, &counts, &sizes);
    send_word("COMMIT");
    receive(NULL);
}

static void drop_tables(void) { run("DROP TABLE IF EXISTS floor_head, floor_envelope, floor_name"); }

static void create_tables(int batch) {
    drop_tables();
    /* Heads have room for their next version on the same page, as the relay's have: then no index changes with them. */
    run("CREATE TABLE floor_head (id uuid PRIMARY KEY, position bigint NOT NULL, count bigint NOT NULL, "
        "bytes bigint NOT NULL) WITH (fillfactor = 70)");
    run("CREATE TABLE floor_envelope (mailbox uuid, position bigint, id uuid NOT NULL, bytes bytea NOT NULL, "
        "PRIMARY KEY (mailbox, position))");
    run("ALTER TABLE floor_envelope ALTER COLUMN bytes SET STORAGE EXTERNAL");
    run("CREATE TABLE floor_name (mailbox uuid, id uuid, position bigint NOT NULL, PRIMARY KEY (mailbox, id))");
    /* As the relay does: plans are made while tables are empty, and then to read all of one looks cheapest. */
    run("SET plan_cache_mode = force_generic_plan");
    run("SET enable_seqscan = off");
    run("SET enable_hashjoin = off");
    run("SET enable_mergejoin = off");
    prepare("lock", "SELECT position, count, bytes FROM floor_head WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE");
    prepare("look", "SELECT k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (mailbox, id) WHERE EXISTS "
                    "(SELECT FROM floor_name n WHERE n.mailbox = k.mailbox AND n.id = k.id OFFSET 0)");
    prepare("envelopes", "INSERT INTO floor_envelope (mailbox, position, id, bytes) "
                         "SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::bytea[])");
    prepare("names", "INSERT INTO floor_name (mailbox, id, position) "
                     "SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[])");
    prepare("heads", "UPDATE floor_head h SET position = k.position, count = k.count, bytes = k.bytes FROM "
                     "unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS k (id, position, count, bytes) "
                     "WHERE h.id = k.id");
    prepare("mailboxes", "INSERT INTO floor_head SELECT id, 0, 0, 0 FROM unnest($1::uuid[]) AS k (id)");
    mailboxes = calloc(mailbox_count, ID);
    drawn = calloc(batch, sizeof *drawn);
    if (mailboxes == NULL || drawn == NULL) exit(71);
    fill(*mailboxes, mailbox_count * ID);
    qsort(mailboxes, mailbox_count, ID, by_id);
    mailbox = array_of(UUID, ID, batch);
    id = array_of(UUID, ID, batch);
    position = array_of(BIGINT, 8, batch);
    bytes = array_of(BYTEA, SIZE, batch);
    head = array_of(UUID, ID, batch);
    next_position = array_of(BIGINT, 8, batch);
    counts = array_of(BIGINT, 8, batch);
    sizes = array_of(BIGINT, 8, batch);
}

static void create_mailboxes(void) {
    struct array all = array_of(UUID, ID, mailbox_count);
    for (int i = 0; i < mailbox_count; i++) memcpy(add(&all), mailboxes[i], ID);
    ASK("mailboxes", &all);
    receive(NULL);
    free(all.bytes);
}

int main(int count, char **arguments) {
    if (count != 4 && count != 5) return 64;
    int batch = atoi(arguments[2]), rows = atoi(arguments[3]);
    if (batch < 1 || rows < batch) return 64;
    if (count == 5 && (mailbox_count = atoi(arguments[4])) < 1) return 64;
    void (*transaction)(int) = mailbox_count ? accept_batch : insert;
    state = (uint64_t)(now() * 1e9);
    connection = PQconnectdb(arguments[1]);
    if (PQstatus(connection) != CONNECTION_OK) die("connect");
    run("SET synchronous_commit = on");
    run("SET client_min_messages = warning");
    if (mailbox_count) create_tables(batch);
    else create_table();
    PQenterPipelineMode(connection);
    if (mailbox_count) create_mailboxes();
    transaction(batch);
    double start = now();
    int done = 0;
    for (; done < rows; done += batch) transaction(batch);
    printf("%.0f\n", done / (now() - start));
    PQexitPipelineMode(connection);
    if (mailbox_count) drop_tables();
    else drop_table();
    PQfinish(connection);
    return 0;
}
