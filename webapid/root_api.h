/* What the API says of itself: the resources there are, and the OpenAPI document. */
#pragma once

#include "request.h"

void root_get(struct request *rq);
void spec_get(struct request *rq);
