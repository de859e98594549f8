#!/bin/sh
# The postgres image runs this once, when its volume is new: a login for each daemon, in the role that `webapid --migrate`
# gives its rights. The database's owner, who migrates, is $POSTGRES_USER.
set -eu
psql --set=ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set=webapid="$WEBAPID_PASSWORD" --set=scheduld="$SCHEDULD_PASSWORD" <<'SQL'
CREATE ROLE ecs_scheduler_webapid NOLOGIN;
CREATE ROLE ecs_scheduler_scheduld NOLOGIN;
CREATE ROLE webapid LOGIN PASSWORD :'webapid' IN ROLE ecs_scheduler_webapid;
CREATE ROLE scheduld LOGIN PASSWORD :'scheduld' IN ROLE ecs_scheduler_scheduld;
SQL
