/* Judges OpenAPI documents by every rule that the linter has but those below, and prints what is wrong with each: a list
 * of {rule, at, message} for each file, as one JSON object by the files' names. */
import { createConfig, lint } from "@redocly/openapi-core";

const rules = {
  /* There is nobody to name: whoever runs the service is whom to ask. */
  "info-contact": "off",
  /* A license has an identifier or a url, never both. */
  "info-license-url": "off",
  /* Errors have the shape that clients of this API have always known: message or messages, and requestId. */
  "operation-4xx-problem-details-rfc7807": "off",
  /* A job needs an id or a taskDefinition: JobInput's anyOf says which is required, and its properties stand beside it, once. */
  "no-required-schema-properties-undefined": "off",
  /* What a text or number may be is said by enum, pattern, range or format; examples are those of whole objects, and are
   * validated by test_openapi.py. */
  "scalar-property-missing-example": "off",

  /* Collections are plural. These are none; "" is the root. */
  "path-segment-plural": {
    severity: "error",
    exceptions: ["", "export", "health", "import", "live", "preview", "ready", "schedule", "spec"],
  },
  "request-mime-type": { severity: "error", allowedValues: ["application/json", "application/x-ndjson"] },
  "response-mime-type": {
    severity: "error",
    allowedValues: ["application/json", "application/x-ndjson", "text/plain"],
  },
  "response-contains-header": {
    severity: "error",
    names: { 304: ["ETag"], 401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 503: ["Retry-After"] },
  },
};

const config = await createConfig({ extends: ["all"], rules });
const found = {};

for (const file of process.argv.slice(2)) {
  const problems = await lint({ ref: file, config });
  found[file] = problems.map(({ ruleId, location, message }) => ({ rule: ruleId, at: location[0].pointer, message }));
}
console.log(JSON.stringify(found));
