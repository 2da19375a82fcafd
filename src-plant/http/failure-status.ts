import { type Failure, type FAILURES, type FailureCode } from '#shared/model/failure.ts';

/** Codes that somebody's doing at the plant brings about; every one of them says here with which status it is answered. */
type PlantCode = {
  [C in FailureCode]: (typeof FAILURES)[C]['blame'] extends 'plant' ? C : never;
}[FailureCode];

const STATUS: Readonly<Record<PlantCode, number> & Partial<Record<FailureCode, number>>> = {
  'bad-request': 400,
  'chain-broken': 422,
  usage: 400,
  'signed-out': 401,
  'sign-in-refused': 401,
  'enrolment-refused': 403,
  'station-revoked': 403,
  'not-allowed': 403,
  'second-person': 403,
  'not-found': 404,
  'state-conflict': 409,
  'chain-gap': 409,
  'lease-ended': 409,
  'numbers-used-up': 409,
  'route-missing': 409,
  'passed-elsewhere': 409,
  'mac-elsewhere': 409,
  'release-withdrawn': 409,
  'too-large': 413,
  'record-newer': 422,
  'too-many-requests': 429,
  // Retry may help; what was refused stays refused.
  'signing-unavailable': 503,
  'signing-refused': 409,
  'signing-wrong': 502,
  'plant-data-missing': 501,
  'plant-command-refused': 409,
  // The plant's own program is what failed: no other server of the plant does better.
  'plant-command-failed': 422,
  'plant-command-wrong': 502,
  'plant-protocol': 502,
  'plant-unreachable': 502,
  'plant-needed': 502,
  'plant-untrusted': 502,
  'plant-database': 503,
  'plant-keys': 503,
  'plant-schema': 503,
};

/** HTTP status (RFC 9110) of an answer that is this failure. What a release has wrong is its sender's to mend. */
export function statusOf({ code, blame }: Pick<Failure, 'code' | 'blame'>): number {
  return STATUS[code] ?? (blame === 'recipe' ? 422 : 500);
}
