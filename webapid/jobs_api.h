/* The handlers of /jobs and /jobs/{id}: jobs_api.c, and those that create a job in jobs_create_api.c. */
#pragma once

struct request;

void jobs_list(struct request *rq);
void jobs_create(struct request *rq);
void jobs_import(struct request *rq);
void jobs_export(struct request *rq);
void job_create(struct request *rq); /* a PUT with If-None-Match */
void job_show(struct request *rq);
void job_change(struct request *rq);
void job_delete(struct request *rq);
