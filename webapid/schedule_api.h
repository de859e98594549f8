/* The handlers of POST /schedule/preview, which needs no database, and GET /jobs/{id}/fire-times. */
#pragma once

struct request;

void schedule_preview(struct request *rq);
void job_fire_times(struct request *rq);
