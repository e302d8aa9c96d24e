/* The least that a durable relay on PostgreSQL can do: one connection, and in each transaction a batch of prepared
 * inserts of 1 KiB, sent in one go (libpq's pipeline mode), committed to disk. No heads, no quotas, no names, nothing read.
 *
 * Usage: postgresql-floor ADDRESS BATCH ROWS     prints rows per second
 */
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

static void transaction(int batch) {
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
    if (!PQpipelineSync(connection)) die("sync");
    for (int ended = 0; !ended;) {
        PGresult *result = PQgetResult(connection);
        if (result == NULL) continue;
        ExecStatusType status = PQresultStatus(result);
        if (status == PGRES_PIPELINE_SYNC) ended = 1;
        else if (status != PGRES_COMMAND_OK) die("transaction");
        PQclear(result);
    }
}

int main(int count, char **arguments) {
    if (count != 4) return 64;
    int batch = atoi(arguments[2]), rows = atoi(arguments[3]);
    if (batch < 1 || rows < batch) return 64;
    state = (uint64_t)(now() * 1e9);
    connection = PQconnectdb(arguments[1]);
    if (PQstatus(connection) != CONNECTION_OK) die("connect");
    run("SET synchronous_commit = on");
    run("SET client_min_messages = warning");
    run("DROP TABLE IF EXISTS floor");
    run("CREATE TABLE floor (mailbox uuid, position bigint, id uuid, bytes bytea, PRIMARY KEY (mailbox, position))");
    run("ALTER TABLE floor ALTER COLUMN bytes SET STORAGE EXTERNAL");
    PQclear(PQprepare(connection, "put", "INSERT INTO floor VALUES ($1, $2, $3, $4)", 0, NULL));
    PQenterPipelineMode(connection);
    transaction(batch);
    double start = now();
    int done = 0;
    for (; done < rows; done += batch) transaction(batch);
    printf("%.0f\n", done / (now() - start));
    PQexitPipelineMode(connection);
    run("DROP TABLE floor");
    PQfinish(connection);
    return 0;
}
