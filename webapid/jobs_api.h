/* The handlers of /jobs and /jobs/{id}. */
#pragma once

struct request;

void jobs_list(struct request *rq);
void jobs_create(struct request *rq);
void job_show(struct request *rq);
void job_change(struct request *rq);
void job_delete(struct request *rq);
