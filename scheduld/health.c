/* See health.h. */
#include "health.h"

#include <inttypes.h>

static const char *const roles[] = {
    [HEALTH_WAITING] = "waiting",
    [HEALTH_STANDBY] = "standby",
    [HEALTH_LEADER] = "leader",
    [HEALTH_STOPPING] = "stopping",
};

const char *health_problem(const struct health *health)
{
    if (health->role == HEALTH_STOPPING)
        return "it is being stopped";
    if (health->database_up && health->schema_unreadable)
        return "the database does not let it read the schema: its log says why";
    if (!health->database_up || health->role == HEALTH_WAITING)
        return "the database cannot be reached, or has not the schema that is needed, yet";
    if (health->unanswered_ms > HEALTH_UNANSWERED_MAX_MS)
        return "the database does not answer";
    if (!health->loaded)
        return "the jobs are not loaded yet";
    if (health->role == HEALTH_STANDBY)
        return NULL;
    if (!health->lease_holds)
        return "the lease of its leadership is over";
    if (health->clock_off)
        return "its clock and the database's differ by more than ECSS_MAX_CLOCK_OFFSET_SECONDS: nothing is "
               "planned";
    if (health->writes_fail)
        return "what is due cannot be written to the ledger";
    if (health->overdue_s > HEALTH_OVERDUE_MAX_S)
        return "what is due is not taken from the wheel";
    return NULL;
}

void health_put(struct buf *buf, const struct health *health)
{
    const char *problem = health_problem(health);

    buf_printf(buf, "{\"status\":\"%s\",\"role\":\"%s\"", problem == NULL ? "ready" : "not ready",
               roles[health->role]);
    if (problem != NULL)
        buf_printf(buf, ",\"problem\":\"%s\"", problem);
    if (health->role == HEALTH_LEADER)
        buf_printf(buf, ",\"epoch\":%" PRId64, health->epoch);
    buf_printf(buf, ",\"jobs\":%zu,\"armed\":%zu,\"jobsWithProblem\":%zu,\"overdueSeconds\":%" PRId64 "}",
               health->jobs, health->armed, health->problems, health->overdue_s);
}
