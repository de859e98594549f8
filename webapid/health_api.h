/*
 * For who watches: /health/live says that the worker answers, /health/ready that it can serve, and by the way
 * whether anybody fires the jobs; /metrics has the numbers.
 */
#pragma once

#include "request.h"

void health_live(struct request *rq);
void health_ready(struct request *rq);
void metrics_show(struct request *rq);
